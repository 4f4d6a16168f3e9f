"""Settings: from variables, a TOML file and flags; all that is wrong at once; never a secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from reconciler.core.model import WorkflowId
from reconciler.errors import ExitCode, SettingsWrong
from reconciler.setting_kinds import Address, Exclusive
from reconciler.setting_page import reference_page
from reconciler.settings import KINDS, Login, Settings, TokenFile, load, variable

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJwYXNzd29yZCI6Im5lYnVsYSJ9.c2lnbmF0dXJl"


def problems_of(
    environ: dict[str, str] | None = None, toml: Path | None = None, flags: dict[str, object] | None = None
) -> dict[str, str]:
    with pytest.raises(SettingsWrong) as caught:
        load(environ or {}, toml, flags or {})
    assert caught.value.exit_code is ExitCode.SETTINGS
    return {problem.setting: str(problem) for problem in caught.value.problems}


def read(name: str, text: str) -> object:
    return getattr(load({variable(name): text}, None, {}), name)


def test_without_anything_the_defaults_of_the_design_hold() -> None:
    settings = load({}, None, {})
    assert settings == Settings()
    assert (settings.listen, settings.resync_s, settings.max_new) == (Address("127.0.0.1", 9469), 60.0, 50)


def test_a_flag_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    toml = tmp_path / "r.toml"
    toml.write_text('jobs_dir = "of-the-file"\nresync_s = 1\nmax_new = 2\n')
    settings = load(
        {"RECONCILER_JOBS_DIR": "of-the-variable", "RECONCILER_RESYNC_S": "3"},
        toml,
        {"jobs_dir": "of-the-flag"},
    )
    assert (settings.jobs_dir, settings.resync_s, settings.max_new) == (Path("of-the-flag"), 3.0, 2)


def test_a_flag_that_was_not_given_and_an_empty_variable_change_nothing() -> None:
    assert load({"RECONCILER_RESYNC_S": ""}, None, {"jobs_dir": None}) == Settings()


def test_everything_that_is_wrong_is_told_at_once_under_the_name_that_was_written(tmp_path: Path) -> None:
    toml = tmp_path / "r.toml"
    toml.write_text('poll_s = true\ncolour = "red"\n')
    told = problems_of({"RECONCILER_RESYNC_S": "soon", "RECONCILER_STATES": "x"}, toml, {"listen": "9469"})
    takes_seconds = "it takes a number of seconds above 0, such as 60 or 0.5"
    takes_address = "it takes host:port, such as 127.0.0.1:9469 or [::1]:9469; port 0 takes any free one"
    assert sorted(told.values()) == sorted(
        [
            f"RECONCILER_RESYNC_S is 'soon'; {takes_seconds}",
            "RECONCILER_STATES is not a setting; the nearest that exists is RECONCILER_STATE",
            f"{toml}: poll_s is True; {takes_seconds}",
            f"{toml}: colour is not a setting; docs/settings.md lists all that exist",
            f"--listen is '9469'; {takes_address}",
        ]
    )


@pytest.mark.parametrize("text", ["0.05", "60", ".5", " 7 ", "86400"])
def test_a_duration_is_a_positive_decimal_without_a_minimum(text: str) -> None:
    assert read("resync_s", text) == float(text)


@pytest.mark.parametrize(
    "text", ["0", "0.0", "-1", "nan", "inf", "1e3", "1_000", "٣", "1s", "9" * 400, "0x1"]
)
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    assert "RECONCILER_RESYNC_S" in problems_of({"RECONCILER_RESYNC_S": text})


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "0", '"soon"', "[1]", "2026-01-01"])
def test_a_duration_in_toml_is_held_to_the_same(text: str, tmp_path: Path) -> None:
    toml = tmp_path / "r.toml"
    toml.write_text(f"settle_s = {text}\n")
    assert f"{toml}: settle_s" in problems_of(toml=toml)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://explorer:7001", "http://explorer:7001"),
        ("HTTPS://Explorer.Example/base/", "https://explorer.example/base"),
        ("http://[::1]:7001/", "http://[::1]:7001"),
    ],
)
def test_an_explorer_url_is_http_or_https(text: str, url: str) -> None:
    assert read("explorer_url", text) == url


@pytest.mark.parametrize(
    "text",
    [
        *(
            "explorer:7001",
            "ftp://explorer",
            "http://",
            "http://:80",
            "http://h?x",
            "http://h/#x",
            "http://h?",
            "/x",
        ),
        *(
            "http://h:70000",
            "http://h:0",
            "http://h:x",
            "http://a b",
            "http://h\tx",
            "http://höst",
            "http://[::1",
        ),
        *("http://h\\@evil", "file:///etc/passwd", "http://h\x00"),
    ],
)
def test_an_explorer_url_of_another_shape_is_refused(text: str) -> None:
    assert "RECONCILER_EXPLORER_URL" in problems_of({"RECONCILER_EXPLORER_URL": text})


def test_a_password_in_an_url_is_refused_and_not_shown() -> None:
    told = problems_of({"RECONCILER_EXPLORER_URL": "http://root:nebula@explorer"})
    assert "nebula" not in told["RECONCILER_EXPLORER_URL"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("graphd:9669", Address("graphd", 9669)),
        ("127.0.0.1:1", Address("127.0.0.1", 1)),
        ("[FD00::1]:9669", Address("fd00::1", 9669)),
    ],
)
def test_an_address_is_host_and_port_with_ipv6_in_brackets(text: str, address: Address) -> None:
    assert read("graphd_address", text) == address
    assert str(address) == text.lower()


@pytest.mark.parametrize(
    "text", ["graphd", "graphd:", ":9669", "fd00::1:9669", "[graphd]:1", "h:65536", "h:0", "h:-1"]
)
def test_an_address_of_another_shape_is_refused(text: str) -> None:
    assert "RECONCILER_GRAPHD_ADDRESS" in problems_of({"RECONCILER_GRAPHD_ADDRESS": text})


def test_the_ops_port_may_be_any_free_one() -> None:
    assert read("listen", "127.0.0.1:0") == Address("127.0.0.1", 0)


def test_exclusive_workflows_are_ids_or_all(tmp_path: Path) -> None:
    some = read("exclusive", "1, 4216617528")
    assert isinstance(some, Exclusive)
    assert some.covers(WorkflowId("4216617528"))
    assert not some.covers(WorkflowId("2"))
    assert read("exclusive", "*") == Exclusive(is_every=True)
    toml = tmp_path / "r.toml"
    toml.write_text('exclusive = ["1", 4216617528]\n')
    assert load({}, toml, {}).exclusive == some


@pytest.mark.parametrize("text", ["1,", "0", "01", "a", "*,1", "1 2", "9" * 41])
def test_an_exclusive_workflow_that_is_no_id_is_refused(text: str) -> None:
    assert "RECONCILER_EXCLUSIVE" in problems_of({"RECONCILER_EXCLUSIVE": text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("max_in_flight", text) for text in ("0", "-1", "1.5", "x", "1000001")),
        *(("rate", text) for text in ("-1", "nan", "many")),
        *(
            ("job_url", text)
            for text in ("http://h/jobs", "http://h/{job_id}/{x}", "{job_id}", "http://h/{job_id!r}")
        ),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("jobs_dir", " "),
        ("state", "a\0b"),
    ],
)
def test_other_settings_are_held_to_what_they_take(name: str, text: str) -> None:
    assert variable(name) in problems_of({variable(name): text})


def test_other_settings_take_what_their_page_says() -> None:
    assert read("rate", "0") == 0
    assert read("log_level", "DEBUG") == "debug"
    assert read("job_url", "http://h/w/{workflow_id}/{job_id}") == "http://h/w/{workflow_id}/{job_id}"
    assert read("max_running", "0") == 0


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_misspelt_setting() -> None:
    load(
        {
            "RECONCILER_SERVICE_HOST": "10.0.0.1",
            "RECONCILER_SERVICE_PORT": "9469",
            "RECONCILER_SERVICE_PORT_OPS": "9469",
            "RECONCILER_PORT": "tcp://10.0.0.1:9469",
            "RECONCILER_PORT_9469_TCP_ADDR": "10.0.0.1",
            "RECONCILER_CONFIG": "r.toml",
        },
        None,
        {},
    )


def test_a_file_that_is_missing_or_no_toml_is_told_by_its_name(tmp_path: Path) -> None:
    missing, odd, binary = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"
    odd.write_text("x = = 1")
    binary.write_bytes(b"\xff")
    assert "No such file" in problems_of(toml=missing)[str(missing)]
    assert "line 1" in problems_of(toml=odd)[str(odd)]
    assert "no UTF-8" in problems_of(toml=binary)[str(binary)]


def test_a_secret_in_the_place_of_its_file_is_never_shown(tmp_path: Path) -> None:
    toml = tmp_path / "r.toml"
    toml.write_text(f'token = "{TOKEN}"\npassword_file = ["{TOKEN}"]\n')
    told = str(problems_of({"RECONCILER_TOKEN": TOKEN, "RECONCILER_PASSWORD": TOKEN}, toml))
    assert "RECONCILER_TOKEN_FILE" in told
    assert TOKEN not in told
    with pytest.raises(SettingsWrong) as caught:
        load({"RECONCILER_EXPLORER_URL": "http://h", "RECONCILER_TOKEN_FILE": TOKEN * 9}, None, {}).explorer()
    assert str(caught.value).startswith(
        "RECONCILER_TOKEN_FILE is not a file that can be read; it takes the path"
    )
    assert TOKEN not in str(caught.value)


def test_steering_characters_in_a_wrong_setting_are_shown_as_escapes() -> None:
    assert "\x1b" not in problems_of({"RECONCILER_RESYNC_S": "\x1b[2J"})["RECONCILER_RESYNC_S"]


def test_a_long_wrong_setting_is_cut() -> None:
    assert len(problems_of({"RECONCILER_RESYNC_S": "x" * 5000})["RECONCILER_RESYNC_S"]) < 200


def test_to_reach_explorer_an_url_and_a_way_to_connect_are_needed() -> None:
    with pytest.raises(SettingsWrong) as caught:
        Settings().explorer()
    assert [one.setting for one in caught.value.problems] == [
        "RECONCILER_EXPLORER_URL",
        "RECONCILER_TOKEN_FILE",
    ]


def test_a_user_name_needs_the_rest_of_a_login() -> None:
    with pytest.raises(SettingsWrong) as caught:
        Settings(explorer_url="http://h", username="root").explorer()
    assert [one.setting for one in caught.value.problems] == [
        "RECONCILER_PASSWORD_FILE",
        "RECONCILER_GRAPHD_ADDRESS",
    ]


def test_a_token_and_a_login_are_not_both_taken(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    environ = {"RECONCILER_EXPLORER_URL": "http://h", "RECONCILER_TOKEN_FILE": str(secret)}
    with pytest.raises(SettingsWrong, match="RECONCILER_USERNAME is set beside a token file"):
        load({**environ, "RECONCILER_USERNAME": "root"}, None, {}).explorer()


def test_either_way_to_connect_is_given_as_a_value(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    graphd = Address("graphd", 9669)
    by_token = Settings(explorer_url="http://h", token_file=secret).explorer()
    by_login = Settings(
        explorer_url="http://h", username="root", password_file=secret, graphd_address=graphd
    ).explorer()
    assert (by_token.url, by_token.credentials) == ("http://h", TokenFile(secret))
    assert by_login.credentials == Login("root", secret, graphd)


def test_certificates_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    secret, odd = tmp_path / "secret", tmp_path / "ca.pem"
    secret.write_text("x")
    odd.write_text("no certificate")
    for ca_file in (odd, tmp_path / "missing.pem"):
        with pytest.raises(SettingsWrong, match=r"RECONCILER_CA_FILE is .*PEM"):
            Settings(explorer_url="http://h", token_file=secret, ca_file=ca_file).explorer()


def pair(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key, as files."""
    issued = trustme.CA().issue_cert("reconciler@example.com")
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key


def test_a_certificate_of_ours_is_given_with_its_key(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    certificate, key = pair(tmp_path, "ours")
    settings = Settings(
        explorer_url="https://h", token_file=secret, client_cert_file=certificate, client_key_file=key
    )
    found = settings.explorer()
    assert (found.client_cert_file, found.client_key_file) == (certificate, key)
    assert found.secret_files == (secret, key)


def test_a_certificate_of_ours_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    certificate, key = pair(tmp_path, "ours")
    _, other = pair(tmp_path, "other")

    def problem(client_cert_file: Path | None, client_key_file: Path | None) -> str:
        with pytest.raises(SettingsWrong) as caught:
            Settings(
                explorer_url="https://h",
                token_file=secret,
                client_cert_file=client_cert_file,
                client_key_file=client_key_file,
            ).explorer()
        return str(caught.value)

    assert "do not belong together" in problem(certificate, other)
    assert "no certificate with its key" in problem(certificate, None)
    assert "no certificate with its key" in problem(secret, key)
    assert "No such file" in problem(tmp_path / "none", key)
    assert "RECONCILER_CLIENT_CERT_FILE is not set, but needed for the key" in problem(None, key)
    assert "RECONCILER_CLIENT_KEY_FILE is not a file that can be read" in problem(certificate, tmp_path / "x")


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("reconciler.jobs.svc", ("reconciler.jobs.svc",)),
        (" A.example , b.example. ", ("a.example", "b.example")),
        (["a_b", "c-d.e"], ("a_b", "c-d.e")),
    ],
)
def test_host_names_are_read_in_small_letters(written: object, names: tuple[str, ...]) -> None:
    assert KINDS["listen_names"].read(written) == names


@pytest.mark.parametrize(
    "written",
    [
        "",
        ",",
        "a,,b",
        "*",
        "*.example.com",
        "a b",
        "http://a",
        "a:80",
        "-a",
        "a-",
        "x" * 64,
        "größe",
        [],
        [1.5],
        7.5,
    ],
)
def test_what_is_no_list_of_host_names_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        KINDS["listen_names"].read(written)


def test_the_reference_page_is_what_the_table_gives() -> None:
    assert PAGE.read_text("utf-8") == reference_page(), "run `make docs`"


def test_the_reference_page_names_every_setting_of_the_dataclass() -> None:
    fields = {name for name in Settings.__dataclass_fields__ if name not in ("written_as", "allowed")}
    assert set(KINDS) == fields
    assert all(f"`{variable(name)}`" in reference_page() for name in fields)
