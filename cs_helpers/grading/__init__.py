"""Grading: from a folder of submissions to marks.

Reading order: ``records`` (what a graded submission is), ``unpack`` (files from zips nobody trusts),
``sandbox`` and ``template`` (where the students' code runs), ``confine`` (what it may not do there),
``channel`` (how evidence gets out), ``worker`` (the trusted end of that), ``grader`` (one submission),
``session`` (all of them), ``table`` (grades.csv).
"""
