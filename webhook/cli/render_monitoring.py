"""`tenantgate render alerts` and `dashboard`: what watches tenantgate, from the table of metrics."""

import click

from webhook.cli.options import output_option
from webhook.cli.printed import printed


@click.command()
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    envvar="TENANTGATE_NAMESPACE",
    default="tenantgate-system",
    show_default=True,
    help="The namespace that the rules go to.",
)
@output_option("yaml", "json", text="A YAML document, or a JSON List of one item.")
def alerts(namespace: str, output: str) -> None:
    """Print alert rules, as a PrometheusRule of the Prometheus operator.

    They are the ones of manifests/components/alerts.
    """
    from webhook.monitoring.alerts import prometheus_rule

    click.echo(printed([prometheus_rule(namespace)], output), nl=False)


@click.command()
def dashboard() -> None:
    """Print a dashboard, as Grafana imports it.

    It is the one of manifests/components/dashboard.
    """
    from webhook.monitoring.dashboard import text

    click.echo(text(), nl=False)
