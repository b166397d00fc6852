"""The ``ledgerbell`` command: run it all, prepare databases and broker, issue tokens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NoReturn
from uuid import UUID

import asyncpg
import httpx
import orjson
import typer
from pydantic import ValidationError

from ledgerbell import audit as evidence
from ledgerbell.coverage import read_coverage, table
from ledgerbell.demo import Place
from ledgerbell.documents import write_documents
from ledgerbell.gateway import GatewayRefused, OperatorSettings
from ledgerbell.letters import SERVICES, Letter, Letters, open_letters
from ledgerbell.prepare import BrokerPreparation, DatabasePreparation, prepare_broker, prepare_databases
from ledgerbell.processes import ProcessFailed
from ledgerbell.rebuild import differences, rebuild_stream
from ledgerbell.run import run_against, run_demo, run_up
from ledgerbell.secrets import make_secrets
from ledgerbell.trail import Kept, check_trail, kept_in
from shared.http.auth import ALGORITHMS, sign_token
from shared.messaging import topology
from shared.testing.servers import FolderInUse, NoServers, NotReady, ServerFailed, ServerNotInstalled
from shared.trail import NoKey, fingerprint, public_text, read_private_key

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
broker = typer.Typer(no_args_is_help=True, help="The broker's exchanges, queues, bindings and users.")
database = typer.Typer(no_args_is_help=True, help="The services' databases and roles.")
dead_letters = typer.Typer(
    no_args_is_help=True,
    help="Events that services could not handle. Needs LEDGERBELL_OPERATOR_TOKEN;"
    " LEDGERBELL_GATEWAY_URL is http://127.0.0.1:8080 unless set.",
)
audit = typer.Typer(
    no_args_is_help=True,
    help="Evidence of who was told what: exported by an operator, checked by anybody.",
)
app.add_typer(audit, name="audit")
app.add_typer(broker, name="broker")
app.add_typer(database, name="database")
app.add_typer(dead_letters, name="dead-letters")


_EXPECTED = (
    OSError,
    ValueError,
    asyncpg.PostgresError,
    httpx.HTTPError,
    httpx.InvalidURL,
    topology.BrokerRefused,
    GatewayRefused,
    FolderInUse,
    NoServers,
    NotReady,
    ProcessFailed,
    ServerFailed,
    ServerNotInstalled,
)


@contextmanager
def _plainly() -> Iterator[None]:
    """Errors a person can act on come as one sentence, not as a traceback."""
    try:
        yield
    except ValidationError as error:
        missing = ", ".join(f"LEDGERBELL_{str(e['loc'][0]).upper()}" for e in error.errors())
        _fail(f"set {missing} (as variables or as files in /run/secrets)")
    except _EXPECTED as error:
        _fail(f"{type(error).__name__}: {error}")
    except ExceptionGroup as group:
        expected, other = group.split(_EXPECTED)
        if other is not None or expected is None:
            raise
        _fail("; ".join(str(error) for error in expected.exceptions))


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"ledgerbell: {message}", file=sys.stderr)
    raise typer.Exit(code)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    against: Annotated[str | None, typer.Option(help="URL of a gateway that runs already.")] = None,
    secrets: Annotated[
        Path | None,
        typer.Option(
            help="With --against: folder with key.pem, which signs users' tokens, and sandbox_api_key."
        ),
    ] = None,
    payments: Annotated[str, typer.Option(help="With --against: the payment sandbox.")] = "",
    sms: Annotated[str, typer.Option(help="With --against: the SMS sandbox.")] = "",
    kid: Annotated[str, typer.Option(help="With --against: that key's id in LEDGERBELL_AUTH_KEYS.")] = "demo",
) -> None:
    """Run it all on this machine and play stories: payments, verifications, refunds, and how they fail."""
    if against is not None and not (secrets and payments and sms):
        _fail("--against needs --secrets, --payments and --sms")
    with _plainly():
        if against is not None and secrets is not None:
            headers = {"authorization": f"Bearer {(secrets / 'sandbox_api_key').read_text()}"}
            place = Place(against, payments, sms, headers)
            good = run_against(place, (secrets / "key.pem").read_text(), kid)
        else:
            good = run_demo(once=once)
    if not good:
        raise typer.Exit(1)


@app.command()
def up() -> None:
    """Run it all on this machine, without the story."""
    with _plainly():
        run_up()


@database.command("apply")
def apply_database() -> None:
    """Create roles and databases that are missing, and bring each schema to this release."""
    with _plainly():
        prepare_databases(DatabasePreparation())
    print("ledgerbell: databases are ready")


@broker.command("apply")
def apply_broker() -> None:
    """Create the virtual host, exchanges, queues, bindings and users that this release needs."""
    with _plainly():
        prepare_broker(BrokerPreparation())
    print("ledgerbell: the broker is ready")


@broker.command("definitions")
def show_definitions() -> None:
    """Print the broker's objects as RabbitMQ definitions, for those who import them another way."""
    print(orjson.dumps(topology.definitions(), option=orjson.OPT_INDENT_2).decode())


def _service(name: str) -> str:
    if name not in SERVICES:
        raise typer.BadParameter(f"it is one of {', '.join(SERVICES)}")
    return name


Service = Annotated[str, typer.Argument(callback=_service)]
State = Literal["waiting", "parked", "attempting", "handled", "discarded"]


@dead_letters.command("list")
def list_dead_letters(
    state: Annotated[
        State, typer.Option(help="In which they are. Waiting: parked, or attempting.")
    ] = "waiting",
    service: Annotated[list[str] | None, typer.Option(help="Of these services; of all.")] = None,
) -> None:
    """Each on a line, newest first; then what lies dead on the broker, to be collected."""
    with _plainly(), open_letters(OperatorSettings()) as letters:
        for each in map(_service, service or SERVICES):
            for letter in letters.listed(each, state):
                print(
                    f"{each:<9} {letter['id']} {letter['type']:<32}"
                    f" {letter['state']:<10} {letter['attempts']:>3} tries"
                    f"  {letter['first_at']} to {letter['last_at']}  {letter['reason']}"
                )
            if dead := letters.dead(each):
                print(f"{each:<9} {dead} dead on the broker: ledgerbell dead-letters collect {each}")


@dead_letters.command("show")
def show_dead_letter(service: Service, letter_id: str) -> None:
    """All there is to know of it, without secrets."""
    with _plainly(), open_letters(OperatorSettings()) as letters:
        _print(letters.one(service, letter_id))


@dead_letters.command("replay")
def replay_dead_letters(
    service: Service,
    letter_id: Annotated[list[str] | None, typer.Argument(help="All that wait, without any.")] = None,
) -> None:
    """Try again, now; all of them in the order they came. What had its effect before has no second one."""
    with _plainly(), open_letters(OperatorSettings()) as letters:
        ids = letter_id or [letter["id"] for letter in letters.listed(service)][::-1]
        states = [_replay(letters, service, id_) for id_ in ids]
        print(f"ledgerbell: {states.count('handled')} of {len(states)} handled")
        if set(states) - {"handled"}:
            raise typer.Exit(1)


def _replay(letters: Letters, service: str, letter_id: str) -> str:
    """Its state then. One that is refused, as somebody else has closed it, does not end the others' turn."""
    try:
        state: str = letters.replay(service, letter_id)["state"]
    except GatewayRefused as refused:
        print(f"ledgerbell: {letter_id}: {refused}", file=sys.stderr)
        return "refused"
    return state


@dead_letters.command("discard")
def discard_dead_letter(
    service: Service,
    letter_id: str,
    reason: Annotated[str, typer.Option(help="Why it need never be handled; kept with your name.")],
) -> None:
    """Give it up for good."""
    with _plainly(), open_letters(OperatorSettings()) as letters:
        letter = letters.discard(service, letter_id, reason)
        print(f"ledgerbell: discarded by {letter['discarded_by']}")


@dead_letters.command("collect")
def collect_dead_letters(service: Service) -> None:
    """Move what died on the broker to where it can be listed and replayed; nothing is tried."""
    with _plainly(), open_letters(OperatorSettings()) as letters:
        print(f"ledgerbell: {letters.collect(service)} collected")


def _print(letter: Letter) -> None:
    print(orjson.dumps(letter, option=orjson.OPT_INDENT_2).decode())


@app.command()
def rebuild(
    user: Annotated[str, typer.Option(help="Whose stream.")],
    compare: Annotated[bool, typer.Option("--compare", help="Only compare; nothing is changed.")] = False,
) -> None:
    """Make a user's stream anew of its events; ends with 1 where it was not as they make it.

    Each notification stays read or unread, and connected tabs load afresh.

    Needs LEDGERBELL_OPERATOR_TOKEN; LEDGERBELL_GATEWAY_URL is http://127.0.0.1:8080 unless set.
    """
    with _plainly():
        found = rebuild_stream(OperatorSettings(), user, compare_only=compare)
        for line in differences(found):
            print(line)
        print(
            f"ledgerbell: epoch {found['epoch']}, {found['notifications']} notifications,"
            f" {found['unread']} unread; {found['different'] or 'no'} differences"
        )
        if found["different"]:
            raise typer.Exit(1)


@app.command()
def coverage() -> None:
    """Say which part of the transfers was shown to their users, and which was not.

    Ends with 1 below 100 %, where a statement of the ledger is missing, and where it has not stated itself
    for five minutes.

    Needs LEDGERBELL_OPERATOR_TOKEN; LEDGERBELL_GATEWAY_URL is http://127.0.0.1:8080 unless set.
    """
    with _plainly():
        found = read_coverage(OperatorSettings())
    for line in table(found):
        print(line)
    if not found["complete"]:
        raise typer.Exit(1)


@audit.command("export")
def export_evidence(
    user: Annotated[str, typer.Option(help="Whose trail.")],
    transfer: Annotated[UUID, typer.Option(help="Of which transfer.")],
    out: Annotated[Path | None, typer.Option(help="File for the bundle; the page goes beside it.")] = None,
) -> None:
    """Write what the trail says of a transfer: a bundle that can be checked, and a page to read.

    Needs LEDGERBELL_OPERATOR_TOKEN; LEDGERBELL_GATEWAY_URL is http://127.0.0.1:8080 unless set.
    """
    file = out or Path(f"evidence-{transfer}.jsonl")
    with _plainly():
        bundle = evidence.export(OperatorSettings(), user, transfer, file)
    told = len(bundle.entries) + len(bundle.unsealed)
    print(f"ledgerbell: {told} entries in {file}, to read in {evidence.page_file(file)}")
    if bundle.broken:
        print("ledgerbell: the trail itself is broken: `ledgerbell audit verify` says how", file=sys.stderr)


@audit.command("verify")
def verify_evidence(
    file: Path,
    key: Annotated[
        list[str],
        typer.Option(help="The public key: PEM or base64, or a file with it. Several where it was changed."),
    ],
) -> None:
    """Check a bundle offline. Ends with 1 and names the first entry altered, dropped or moved.

    Ends with 2 where the file or the key cannot be read.
    """
    try:
        verdict = evidence.check(file, [evidence.public_key(each) for each in key])
    except (OSError, NoKey) as error:
        _fail(str(error), 2)
    if verdict.problem is not None or verdict.bundle is None:
        _fail(f"not good: {verdict.problem.message if verdict.problem else 'it is empty'}")
    for line in evidence.summary(verdict.bundle):
        print(f"ledgerbell: {line}")


@audit.command("check")
def check_whole_trail(
    key: Annotated[
        list[str] | None,
        typer.Option(help="The public key, as for verify: the checkpoints' signatures are checked here too."),
    ] = None,
    last: Annotated[
        list[str] | None, typer.Option(help="A checkpoint that was kept, as NUMBER:ROOT: it must be there.")
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option(help="A bundle that was kept: its checkpoint must be there.")
    ] = None,
) -> None:
    """Check the whole trail. Ends with 1 and names the first row of each kind that is altered or missing.

    Ends with 2 where a key, or what was kept, cannot be read.

    Needs LEDGERBELL_OPERATOR_TOKEN; LEDGERBELL_GATEWAY_URL is http://127.0.0.1:8080 unless set.
    """
    try:
        keys = [evidence.public_key(each) for each in key or ()]
        kept = [*map(Kept.parse, last or ()), *map(kept_in, bundle or ())]
    except (OSError, ValueError) as error:
        _fail(str(error), 2)
    with _plainly():
        found = check_trail(OperatorSettings(), keys, kept)
    for line in found.wrong():
        print(f"ledgerbell: not whole: {line}", file=sys.stderr)
    if found.faults:
        raise typer.Exit(1)
    for line in found.whole():
        print(f"ledgerbell: {line}")


@audit.command("key")
def show_public_key(
    private: Annotated[Path, typer.Argument(help="File with the private key that signs: PEM or base64.")],
) -> None:
    """Print the public key of a private one, for those who check evidence."""
    with _plainly():
        public = read_private_key(private.read_text()).public_key()
    print(public_text(public))
    print(f"ledgerbell: its fingerprint is {fingerprint(public)}", file=sys.stderr)


@app.command()
def docs(into: Path) -> None:
    """Generate the OpenAPI document of every service and the AsyncAPI document of all events, in a folder."""
    write_documents(into)


@app.command("secrets")
def write_secrets(
    into: Path,
    environment: Annotated[
        Literal["production", "demo"],
        typer.Option(help="demo: the gateway signs anybody in, under any name."),
    ] = "production",
) -> None:
    """Make what is missing of the passwords and keys of a compose system, in a folder for each container."""
    with _plainly():
        make_secrets(into, demo=environment == "demo")


@app.command()
def token(
    user: str,
    key: Annotated[Path, typer.Option(help="File with the private key, or the HS256 secret.")],
    kid: Annotated[str, typer.Option(help="The key's id in LEDGERBELL_AUTH_KEYS.")],
    role: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
    algorithm: str = "EdDSA",
    seconds: int = 3600,
) -> None:
    """Issue a token for a user, an operator or a service."""
    if algorithm not in ALGORITHMS:
        _fail(f"--algorithm is one of {', '.join(sorted(ALGORITHMS))}")
    with _plainly():
        signed = sign_token(
            user, role or ["user"], kid=kid, algorithm=algorithm, key=key.read_text(), seconds=seconds
        )
        print(signed)
