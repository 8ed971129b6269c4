"""Settings: defaults, what is accepted, and errors that name the key, what was expected and what came."""

from pathlib import Path

import pytest

from innkeeper.daemon.settings import Settings, SettingsError, address, check, load


def test_no_file_means_defaults() -> None:
    assert load(None) == Settings()
    assert load(None).listen == "127.0.0.1:2633"


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "innkeeper.toml"
    file.write_text(
        'listen = "0.0.0.0:80"\n[placement]\npolicy = "packing"\n[simulation.times]\n"*" = 0.5\n'
    )
    settings = load(file)
    assert (settings.listen, settings.placement.policy) == ("0.0.0.0:80", "packing")
    assert settings.simulation.times == {"*": 0.5}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lisen": "x"}, "lisen"),
        ({"listen": 2633}, "listen"),
        ({"listen": "2633"}, "HOST:PORT"),
        ({"listen": "localhost:99999"}, "HOST:PORT"),
        ({"placement": {"policy": "best"}}, "policy"),
        ({"monitoring": {"interval": "30"}}, "interval"),
        ({"monitoring": {"interval": 0}}, "1 second"),
        ({"monitoring": {"grace": 0.5}}, "monitoring.grace must be 1 second or more, not 0.5"),
        ({"images": {"folders": "/srv"}}, "folders"),
        ({"guests": {"longest_command": 0}}, "more than 0 seconds"),
        ({"redirects": {"addresses": ["here"]}}, "redirects.addresses must list IP addresses"),
        ({"redirects": {"addresses": []}}, "redirects needs an address"),
        ({"redirects": {"ports": [22, 30000]}}, r"ports \[FIRST, LAST\] from 1024"),
        ({"redirects": {"ports": [30000, 20000]}}, r"ports \[FIRST, LAST\]"),
        ({"redirects": {"longest": 0}}, "longest of 1 second or more"),
        ({"redirects": {"who": "me"}}, "who"),
        ({"simulation": {"times": {"domain.ensure": "long"}}}, "times"),
        ({"log": {"level": "loud"}}, "level"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check(values)


@pytest.mark.parametrize("content", [b"listen = ", b"\xff\xfe", b"[[x"])
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "innkeeper.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"innkeeper\.toml"):
        load(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml")


def test_addresses() -> None:
    assert address("[::1]:2633") == ("::1", 2633)
    assert address("front.example:0") == ("front.example", 0)
