"""Custom resources of operators that select or act across namespaces, one project a file.

Each module has `JUDGES`: for a group and a resource, the function that says what is foreign in it.
"""
