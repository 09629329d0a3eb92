"""What watches tenantgate: alert rules and a dashboard, both from the table of metrics."""
