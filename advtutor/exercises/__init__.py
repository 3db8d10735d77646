"""The exercises, a file each: the answer, its inputs, its hints, its mistakes and their messages.

A file in this folder is an exercise: it defines the answer, a function of the file's own name, and
`EXERCISE`, which says of which notebook it is and what its check knows. Nothing else lists it:
`checks.NAME` and `progress.EXERCISES` find it here.
"""
