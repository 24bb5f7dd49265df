"""Faults of what we stand on: Redis, the database, the disk; and many hands on one ticket (numbers as in the list)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, connections

from helpdesk import files, joining
from helpdesk.models import ApiToken, Attachment, Delivery, Message, Ticket, User
from helpdesk.workflow.verbs import Conflict
from mentions import ingest, polling
from mentions.models import Source
from mentions.platforms.base import Author, File, Page, Post
from tests.faults.conftest import Stage, until
from tests.processes import Background, background, database_url
from tests.world import World, listen_to_nothing, person

pytestmark = pytest.mark.django_db(transaction=True)


class OwnRedis:
    """A Redis of the test's own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        until(self._answers, 10)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.mark.redis
def test_07_redis_killed_and_restarted_three_times(stage: Stage, own_redis: OwnRedis) -> None:
    with background(tick=1, redis_url=own_redis.url) as running:
        worker = running.processes[0]

        def heard(count: int) -> bool:
            nonlocal worker
            worker = running.look_after(worker)
            return stage.mentions() >= count

        for number in range(3):
            stage.mention(f"before {number}")
            own_redis.kill()
            stage.mention(f"while away {number}")
            time.sleep(2)
            own_redis.start()
            until(partial(heard, 2 * (number + 1)), 120, running.logs)
        sent = stage.reply("It works again.")
        stage.settled(sent, seconds=60)
        stage.judge(6)


@pytest.mark.redis
def test_09_redis_away_while_agents_reply(stage: Stage, own_redis: OwnRedis) -> None:
    """Two minutes in the list; what matters is that the answers are taken at once and leave once when it is back."""
    _row, token = ApiToken.issue(stage.world.agent, scopes=["read", "write"])
    with background(tick=1, redis_url=own_redis.url) as running:
        web = _web(running)
        stage.mention("hello")
        stage.heard(1)
        own_redis.kill()
        path = f"{web}/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
        for number in range(3):
            begun = time.monotonic()
            body = {"text": f"answer {number}", "visibility": "public"}
            answer = httpx.post(path, json=body, headers={"authorization": f"Bearer {token}"}, timeout=30)
            assert answer.status_code == 202, answer.text
            assert time.monotonic() - begun < 10, "nobody waits for a broker that is away"
        time.sleep(15)
        own_redis.start()
        for sent in Delivery.objects.all():
            stage.settled(sent, seconds=90)
        assert sorted(stage.sent()) == ["answer 0", "answer 1", "answer 2"]
        stage.judge(1)


def _web(running: Background) -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = int(probe.getsockname()[1])
    running.start("uvicorn", "helpdesk.conf.asgi:application", "--port", str(port), "--no-proxy-headers")

    def is_up() -> bool:
        with closing(socket.socket()) as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    until(is_up, 40, running.logs)
    return f"http://127.0.0.1:{port}"


@pytest.mark.postgres
def test_10_every_database_backend_terminated(stage: Stage) -> None:
    with background(tick=1):
        stage.mention("before")
        stage.heard(1)
        for number in range(3):
            stage.mention(f"during {number}")
            _terminate_all()
            time.sleep(1.5)
        stage.heard(4, seconds=90)
        sent = stage.reply("It works again.")
        _terminate_all()
        stage.settled(sent, seconds=60)
        stage.judge(4)


@pytest.mark.postgres
def test_10_the_connection_ends_while_a_page_is_stored(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database did not take is nothing the items did wrong: they are heard again, and none waits to be mended."""
    stage.mention("hello")
    stored, ended = ingest._store_set, False

    def storing(*given: Any) -> int:
        nonlocal ended
        if not ended:
            ended = True
            _terminate_ours()
        return stored(*given)

    monkeypatch.setattr(ingest, "_store_set", storing)
    with suppress(OperationalError, InterfaceError):
        polling.poll(stage.source.pk, forced=True)
    connection.close()
    assert ended
    Source.objects.filter(pk=stage.source.pk).update(lease_until=None)
    polling.poll(stage.source.pk, forced=True)
    stage.judge(1)


@pytest.mark.postgres
def test_10_a_cancelled_statement_is_nothing_the_items_did(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses while the connection lives (a time limit, an administrator): again later, not quarantined."""
    stage.mention("hello")
    stored, times = ingest._store_set, 0

    def storing(*given: Any) -> int:
        nonlocal times
        times += 1
        if times <= 2:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 1")
                cursor.execute("SELECT pg_sleep(1)")
        return stored(*given)

    monkeypatch.setattr(ingest, "_store_set", storing)
    for _look in range(3):
        with suppress(OperationalError):
            polling.poll(stage.source.pk, forced=True)
        Source.objects.filter(pk=stage.source.pk).update(lease_until=None)
    stage.judge(1)


def _terminate_ours() -> None:
    """The backend that serves this thread, by a second one."""
    assert connection.connection is not None
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])


class OwnPostgres:
    """A PostgreSQL cluster of the test's own, which can be restarted without a checkpoint, as after a power cut."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.port = int(probe.getsockname()[1])
        self.folder = folder

    def make(self) -> None:
        self._say("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8")
        self._say("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", self._options, "start")

    def restart(self) -> None:
        self._say("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", self._options, "-m", "immediate", "restart")

    def stop(self) -> None:
        self._say("pg_ctl", "-w", "-m", "immediate", "stop")

    @property
    def _options(self) -> str:
        return f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="

    def _say(self, program: str, *words: str) -> None:
        command = [str(_programs() / program), "-D", str(self.folder), *words]
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "postgres")
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/")


def _programs() -> Path:
    """Where the newest server's programs are; they are seldom in PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip("no PostgreSQL server is installed here")
    return max(found, key=lambda path: int(path.parent.name)) if found else Path(str(on_path)).parent


@pytest.fixture
def own_postgres(transactional_db: None) -> Iterator[OwnPostgres]:
    """Everything of this test, and every process it starts, stands on a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-postgres-") as folder:
        server = OwnPostgres(Path(folder))
        server.make()
        ours = connection.settings_dict
        before = {name: ours[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
        connections.close_all()
        ours.update(HOST="127.0.0.1", PORT=server.port, NAME="postgres", USER="postgres", PASSWORD="")
        try:
            call_command("migrate", verbosity=0)
            yield server
        finally:
            connections.close_all()
            ours.update(before)
            server.stop()


@pytest.mark.postgres
def test_11_the_database_restarted_at_once(own_postgres: OwnPostgres, stage: Stage) -> None:
    with background(tick=1):
        stage.mention("before")
        stage.heard(1)
        for number in range(2):
            stage.mention(f"during {number}")
            own_postgres.restart()
            connection.close()
            stage.heard(2 + number, seconds=90)
        sent = stage.reply("It works again.")
        own_postgres.restart()
        connection.close()
        stage.settled(sent, seconds=60)
        stage.judge(3)


def _terminate_all() -> None:
    """Every backend of this database but our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


# --- 22: the disk is full --------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 64 kB; skipped where none can be mounted."""
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting takes root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode()[:100]}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def test_22_a_full_disk_loses_nothing(world: World, settings: Any, tmp_path: Path) -> None:
    source = listen_to_nothing(world, "email", "mail", {})
    now = source.created_at
    posts = tuple(
        Post(
            "mail", f"<{number}@x.test>", Author("ana@x.test"), f"see the file {number}", now, f"<{number}@x.test>",
            files=(File("big.bin", "application/octet-stream", b"x" * 40_000),),
        )
        for number in range(3)
    )  # fmt: skip
    with small_disk(tmp_path / "small") as folder:
        settings.MEDIA_ROOT = folder
        lease = polling.claim(source.pk, forced=True)
        assert lease is not None
        connector = ingest_connector(source)
        with pytest.raises(OSError, match="No space"):
            ingest.store(lease, Page(posts, cursor={"uid": 3}), connector)
        polling.release(lease)
        assert not Message.objects.exists(), "the page and its position commit together, or not at all"
        assert Source.objects.get().cursor == {}
    settings.MEDIA_ROOT = tmp_path / "roomy"
    again = polling.claim(source.pk, forced=True)
    assert again is not None
    ingest.store(again, Page(posts, cursor={"uid": 3}), connector)
    assert Message.objects.count() == Attachment.objects.count() == 3
    assert all(len(files.opened(row).read()) == 40_000 for row in Attachment.objects.all())


def ingest_connector(source: Source) -> Any:
    from mentions import accounts

    return accounts.open_connector(Source.objects.select_related("account").get(pk=source.pk).account)


# --- 23: twenty hands ------------------------------------------------------------------------------------------


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What each of `count` threads got, all begun together; an exception is what it got, too."""
    gate, found = threading.Barrier(count), dict[int, Any]()

    def run(number: int) -> None:
        try:
            gate.wait(30)
            found[number] = act(number)
        except Exception as error:  # noqa: BLE001 - which one it is, the test asks
            found[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return [found[number] for number in range(count)]


@pytest.fixture
def crowd(world: World) -> list[User]:
    return [person(f"agent{number}@northwind.example", f"Agent {number}", world.brand) for number in range(20)]


def test_23_twenty_answer_one_ticket_and_nineteen_are_told(world: World, crowd: list[User]) -> None:
    ticket = world.ticket("hello", key="demo-1")
    from mentions.models import Mention

    Mention.objects.create(
        brand=world.brand, account=world.channel().account, namespace="demo:bluesky", kind="post", external_id="demo:1",
        reference={"key": "1"}, message=ticket.messages.get(),
    )  # fmt: skip
    seen = str(ticket.messages.get().pk)
    desks = [world.desk(user) for user in crowd]
    body = {"mode": "public", "text": "Here I am", "seen": seen}
    answers = at_once(20, lambda number: desks[number].post(f"/desk/tickets/{ticket.pk}/answer/", body).status_code)
    assert sorted(answers) == [302] + [409] * 19
    assert Delivery.objects.count() == 1


def test_23_twenty_take_one_ticket_and_one_has_it(world: World, crowd: list[User]) -> None:
    ticket = world.ticket("hello")
    apis = [world.api(user) for user in crowd]

    def take(number: int) -> int:
        body = {"assignee": crowd[number].pk}
        return int(apis[number].post(f"/api/v1/tickets/{ticket.pk}/assign/", body, format="json").status_code)

    answers = at_once(20, take)
    assert sorted(answers) == [200] + [403] * 19
    ticket.refresh_from_db()
    assert ticket.assignee == crowd[answers.index(200)]


def test_23_twenty_merge_one_ticket_and_one_does(world: World) -> None:
    first = world.ticket("one", thread="t1")
    from helpdesk.workflow import tickets

    tickets.resolve(first.pk, world.agent)
    second = world.ticket("two", thread="t2")
    tickets.reopen(first.pk, world.agent)
    found = at_once(20, lambda number: joining.merge(second.pk, first.pk, world.lead))
    assert sum(isinstance(one, Ticket) for one in found) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 19
    assert Message.objects.filter(ticket=first).count() == 2
