"""Errors to words and exit codes: one readable line and a hint on standard error, or JSON."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from stoa.app.problems import Problem, problem_of
from stoa.base.errors import Bug, Cancelled, InvalidInput, StoaError

_INTERRUPTED = 130  # 128 + SIGINT, as shells say it
_UNFORESEEN = Bug(
    "Something went wrong in Stoa.",
    hint="Run it again with STOA_LOG_LEVEL=DEBUG, and report what it shows.",
)


@contextmanager
def exit_with_words(arguments: Sequence[str] | None) -> Iterator[None]:
    """Run a command; whatever it raises ends the process with words and a code, never a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    try:
        yield
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _tell(problem_of(Cancelled("Interrupted.")), as_json=as_json)
        sys.exit(_INTERRUPTED)
    except click.UsageError as error:
        where = f"{error.ctx.command_path} --help" if error.ctx else "stoa --help"
        refusal = InvalidInput(error.format_message(), hint=f"See: {where}")
        _tell(problem_of(refusal), as_json=as_json)
        sys.exit(InvalidInput.exit_code)
    except click.ClickException as error:
        _tell(problem_of(InvalidInput(error.format_message())), as_json=as_json)
        sys.exit(InvalidInput.exit_code)
    except StoaError as error:
        _tell(problem_of(error), as_json=as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        logging.getLogger("stoa.cli").debug("unforeseen error", exc_info=error)
        _tell(problem_of(_UNFORESEEN), as_json=as_json)
        sys.exit(Bug.exit_code)


def _tell(problem: Problem, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(problem.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
        click.echo(text, err=True)
        return
    click.echo(f"stoa: {problem.detail}", err=True)
    for each in problem.fields[1:]:
        click.echo(f"      '{each.field}': {each.problem}", err=True)
    if problem.hint:
        click.echo(f"      {problem.hint}", err=True)
