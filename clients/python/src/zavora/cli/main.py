"""`zavora`: the exchange from the command line."""

import sys
from typing import Annotated, Final

import typer

from zavora import __version__, errors
from zavora.cli import account, export, login, market, order, output, top
from zavora.cli.profiles import ProfileError
from zavora.cli.session import INTERRUPTED, USAGE, Session, advice, exit_code

# Some versions of typer bring a click of their own: what both call so is what it raises.
UsageProblem: Final = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="zavora",
    help="Zavora from the command line: markets, orders, money.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 not let in, 5 not now (limits, not"
        " there), 6 outcome unknown."
    ),
)
for part in (market, order, account, export, login, top):
    part.register(app)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"zavora {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    *,
    profile: Annotated[
        str | None,
        typer.Option("--profile", "-p", envvar="ZAVORA_PROFILE", help="Which profile is meant."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="The exchange, instead of the profile's.")] = None,
    account_id: Annotated[
        str | None, typer.Option("--account", help="Which account is meant, by its id.")
    ] = None,
    is_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; commands take it as well.")
    ] = False,
    has_colour: Annotated[
        bool, typer.Option("--colour/--no-colour", help="Colours; NO_COLOR is heeded, too.")
    ] = True,
    _version_asked: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="Print the version."),
    ] = False,
) -> None:
    """Zavora from the command line: markets, orders, money."""
    context.obj = Session(
        profile=profile, url=url, account=account_id, is_json=is_json, has_colour=has_colour
    )


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; end with an exit code that scripts can use."""
    sys.exit(outcome(sys.argv[1:] if arguments is None else arguments))


def outcome(arguments: list[str]) -> int:
    """Carry a command out and return its exit code; what went wrong is said on stderr."""
    try:
        code = app(args=arguments, prog_name="zavora", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us, such as `head`, has had enough.
        sys.stderr.close()
        return 0
    except (errors.ZavoraError, ProfileError, OSError, TypeError, ValueError) as error:
        tell(error, is_json="--json" in arguments)
        return exit_code(error)
    except Exception as error:
        if not isinstance(error, UsageProblem):
            raise
        return _shown_code(error)
    return code if isinstance(code, int) else 0


def _shown_code(error: Exception) -> int:
    """Have a problem of usage shown as typer does, and return its exit code."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", USAGE)
    if show is not None:
        show()
    return int(code)


def tell(error: Exception, *, is_json: bool) -> None:
    """Say on stderr what went wrong, and what to do about it."""
    if is_json:
        said = {
            "code": getattr(error, "code", "") or type(error).__name__,
            "message": getattr(error, "message", str(error)),
            "details": getattr(error, "details", {}),
            "request_id": getattr(error, "request_id", None),
        }
        sys.stderr.write(output.as_json({"error": said}) + "\n")
        return
    console = output.console(is_error=True)
    reason = f" [{error.reason}]" if isinstance(error, errors.Refused) and error.reason else ""
    console.print(f"{error}{reason}", style="red", markup=False)
    if (help_text := advice(error)) is not None:
        console.print(help_text, style="dim", markup=False)


if __name__ == "__main__":
    run()
