"""What hooks may say."""

import pytest

from innkeeper.model import hooks
from innkeeper.model.errors import BadValue
from innkeeper.model.nouns import Hook
from innkeeper.model.template import Template

CALLS = frozenset({"one.vm.allocate"})
STATE = "TYPE=state\nCOMMAND=x\n"


def made(text: str) -> Hook:
    kind, template = hooks.checked(Template.parse(text), CALLS)
    return Hook(id=0, name="h", type=kind, template=template)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("COMMAND=x", "TYPE is missing: api or state is expected"),
        ("TYPE=other\nCOMMAND=x", "TYPE must be"),
        ("TYPE=state\nRESOURCE=VM\nON=DONE", "COMMAND must be a path"),
        ("TYPE=state\nCOMMAND=\"../x\"", "COMMAND must be a path"),
        (f"{STATE}RESOURCE=USER", "RESOURCE must be one of VM, HOST, IMAGE, NET"),
        (f"{STATE}RESOURCE=VM\nON=NEVER", "ON must be one of PROLOG"),
        (f"{STATE}RESOURCE=VM\nON=CUSTOM\nSTATE=FLYING\nLCM_STATE=RUNNING", "must be names of states"),
        (f"{STATE}RESOURCE=HOST\nSTATE=ON", "STATE of a HOST hook must be one of DISABLED"),
        (f"{STATE}RESOURCE=VM\nON=DONE\nTIMEOUT=0", "TIMEOUT must be seconds"),
        (f"{STATE}RESOURCE=VM\nON=DONE\nARGUMENTS=\"'x\"", "ARGUMENTS: No closing quotation"),
        ("TYPE=api\nCOMMAND=x\nCALL=one.vm.info", "CALL must be a method that changes"),
        ("TYPE=api\nCOMMAND=x", "CALL must be a method that changes"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(BadValue, match=problem):
        made(text)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("RUNNING", ("ACTIVE", "RUNNING")),
        ("SHUTDOWN", ("ACTIVE", "EPILOG")),
        ("STOP", ("STOPPED", "LCM_INIT")),
        ("done", ("DONE", "LCM_INIT")),
    ],
)
def test_words_for_states_of_vms(word: str, state: tuple[str, str]) -> None:
    template = made(f"{STATE}RESOURCE=vm\nON={word}").template
    assert (template.get("STATE"), template.get("LCM_STATE")) == state


def test_arguments_stay_arguments_whatever_the_object_is_called() -> None:
    text = f"{STATE}RESOURCE=VM\nON=DONE\nARGUMENTS=\"-v 'two words' $TEMPLATE\""
    assert hooks.invocation(made(text), "PAY; rm -rf /") == (
        ["-v", "two words", "PAY; rm -rf /"],
        "",
    )
    assert hooks.invocation(made(f"{text}\nARGUMENTS_STDIN=yes"), "PAY") == (
        [],
        "-v 'two words' PAY",
    )
