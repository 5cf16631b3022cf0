"""`ari-agent` command line: serve, drain, demo, check, console-link, try-agent, version.

Exit status: 0 done, 1 something failed, 2 a setting is wrong (the message names it), or an agent to try is not reached.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any

import uvloop

from ari_agent import logs
from ari_agent.check.dial_question import Question, add_dial
from ari_agent.check.report import as_json, as_text, has_failed
from ari_agent.clock import now_ms
from ari_agent.config import PREFIX, Settings, load
from ari_agent.errors import AriAgentError, ConfigurationError
from ari_agent.processes import check_settings, serve_processes
from ari_agent.try_agent.arguments import add_try_agent, trial_options

FAILED, WRONG_SETTING = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments (by default those of the process) name, and return its exit status."""
    _prepare_standard_streams()
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except ConfigurationError as error:
        print(f"ari-agent: {error}", file=sys.stderr)
        return WRONG_SETTING
    except AriAgentError as error:
        print(f"ari-agent: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # whoever read what is printed has gone, as `head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python flushes to at its end
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _prepare_standard_streams() -> None:
    """Open those that the process was started without, and print what their encoding has not as an escape.

    uvloop aborts the process when a descriptor of its own gets the number of a standard stream.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ari-agent", description="Connects callers of an Asterisk with voice agents.")
    parser.add_argument("--version", action="version", version=version("ari-agent"))
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serving = commands.add_parser("serve", help="take calls and serve the API, until SIGINT, SIGTERM or drain")
    serving.add_argument("--processes", metavar="N", help="how many controllers run, on as many cores")
    serving.add_argument("--process", type=int, help=argparse.SUPPRESS)  # which of them this one is
    serving.set_defaults(run=_serve)
    draining = commands.add_parser("drain", help="have the controller end with its last call, and wait until it has")
    draining.add_argument("--wait", type=float, metavar="SECONDS", help="at most so long; then the exit status is 1")
    draining.set_defaults(run=_drain)
    checking = commands.add_parser("check", help="look at everything that calls need, say what to mend, then exit")
    checking.add_argument("--json", action="store_true", help="print what was found as a JSON object")
    checking.add_argument("--deep", action="store_true", help="open the websockets of agents, too, and close them")
    checking.set_defaults(run=_check)
    add_dial(checking)
    linking = commands.add_parser("console-link", help="print a link that logs in to the console, once")
    linking.set_defaults(run=_console_link)
    for command in (serving, draining, checking, linking):
        command.add_argument("--config", type=Path, metavar="FILE.toml", help="settings beside environment and .env")

    showing = commands.add_parser("demo", help="scripted calls through a real Asterisk, then yours from a softphone")
    showing.add_argument("--once", action="store_true", help="end after the scripted calls")
    showing.add_argument("--json", action="store_true", help="print what was seen as a JSON object, at the end")
    showing.set_defaults(run=_demo)
    add_try_agent(commands).set_defaults(run=_try_agent)
    commands.add_parser("version", help="print the version").set_defaults(run=_version)
    return parser


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _serve(options: argparse.Namespace) -> int:
    if options.processes is not None:
        os.environ[f"{PREFIX}PROCESSES"] = options.processes  # also that of the processes
    settings = load(options.config)
    logs.set_up(settings.log_format, settings.log_level, process_number=options.process)
    if options.process is not None:
        return _serve_as_one_of_several(settings, options.process)
    if settings.processes > 1:
        return int(_run(serve_processes(settings, config_file=options.config)))
    from ari_agent.serve import serve  # noqa: PLC0415 -- nothing else need wait a second for all of a controller

    _run(serve(settings))
    return 0


def _serve_as_one_of_several(settings: Settings, number: int) -> int:
    from ari_agent.one_of_several import bound_for_itself, settings_of_process  # noqa: PLC0415 -- likewise
    from ari_agent.serve import serve_as_one_of_several  # noqa: PLC0415 -- likewise

    own_socket, own_settings = bound_for_itself(settings_of_process(settings, number), number)
    with own_socket:
        _run(serve_as_one_of_several(own_settings, own_socket))
    return 0


def _drain(options: argparse.Namespace) -> None:
    settings = load(options.config)
    from ari_agent.drain import drain  # noqa: PLC0415 -- the HTTP client: every command would wait

    key = settings.api_key.get_secret_value()
    _run(drain(settings.local_url, key, wait_s=options.wait, show=_print))


def _check(options: argparse.Namespace) -> int:
    if options.dial:
        return _check_dial(options)
    settings = load(options.config)
    if settings.processes > 1:
        check_settings(settings)
    from ari_agent.self_check import check  # noqa: PLC0415 -- likewise: a wrong setting is told at once

    found = _run(check(settings, config_file=options.config, deep=options.deep))
    print(as_json(found) if options.json else as_text(found))
    return FAILED if has_failed(found) else 0


def _check_dial(options: argparse.Namespace) -> int:
    from ari_agent.check.dial import check_dial, verdicts_as_json  # noqa: PLC0415 -- the store: every command would wait

    settings, question = load(options.config), Question.of(options)
    policy, prices = settings.dial_policy, settings.prices
    verdicts = _run(check_dial(question, settings.database_url, policy, now_ms=now_ms(), prices=prices))
    print(verdicts_as_json(verdicts) if options.json else "\n".join(verdict.text for verdict in verdicts))
    return 0 if all(verdict.may for verdict in verdicts) else FAILED


def _console_link(options: argparse.Namespace) -> None:
    from ari_agent.console.login.login import login_link  # noqa: PLC0415 -- the HTTP server: every command would wait

    settings = load(options.config)
    keys = settings.api_key.get_secret_value(), settings.console_read_only_key.get_secret_value()
    link = login_link(*keys, now_s=now_ms() / 1000)
    print(settings.link_base_url + link)


def _demo(options: argparse.Namespace) -> int:
    try:
        from ari_agent.demo.run import run_demo  # noqa: PLC0415 -- needs the `demo` extra, which a server has not
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the demo needs {error.name}: pip install 'ari-agent[demo]'") from None
    return int(_run(run_demo(once=options.once, as_json=options.json)))


def _try_agent(options: argparse.Namespace) -> int:
    from ari_agent.try_agent.run import try_agent  # noqa: PLC0415 -- the start of a server need not wait for it

    trial = try_agent(trial_options(options), wav=options.wav, as_json=options.json, show=_print)
    return int(_run(trial))


def _print(line: str) -> None:
    print(line, flush=True)


def _version(_: argparse.Namespace) -> None:
    print(version("ari-agent"))


if __name__ == "__main__":
    sys.exit(main())
