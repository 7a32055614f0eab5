"""The command `maskwright`, also as `python -m maskwright`.

Every worker process imports this module again, so what the command needs is imported only where it runs.
"""


def main() -> None:
    """Run the command; see `maskwright.cli`."""
    from maskwright.cli import app
    from maskwright.shared.stopping import stop_as_by_ctrl_c

    stop_as_by_ctrl_c()
    app()


if __name__ == "__main__":
    main()
