"""The student tree, made from the solution tree. Staff only: this package stays behind.

``lists`` says what goes out and what stays, ``tracked`` asks git for the files, ``build`` turns them into
those that students get, ``leaks`` searches these for solutions, ``write`` puts them on the disk.
"""
