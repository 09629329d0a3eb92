"""`python -m webhook` is `tenantgate`."""

from webhook.cli import main

main()
