"""The reconciler of a namespace: what it has to know, to make, to mend and to take away for that.

What is wanted and what is to be done is decided in `core/provisioning/`; here the server is asked, and
the decision carried out.
"""
