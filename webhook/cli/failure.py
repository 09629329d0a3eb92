"""How a command ends that did not get as far as an answer."""

import click


class Failure(click.ClickException):
    """Nothing could be done, or no verdict was reached: the message says why, and the command exits 2."""

    exit_code = 2
