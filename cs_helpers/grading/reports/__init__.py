"""What people read after grading: pages, marks for written answers, exports.

Nothing in here runs or imports anything of a submission. Reading order: ``markup`` (texts nobody trusts,
as HTML), ``page`` (what all pages share), ``questions`` and ``marks`` (written answers), ``classbook``
(deadline, times, roster), ``final`` (what each student gets), then what is made of it: ``marking``,
``feedback``, ``summary``, ``exports``, ``publish``; and ``fingerprints`` with ``similar``.
"""
