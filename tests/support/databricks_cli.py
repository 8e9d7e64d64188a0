"""
A stand-in for the Databricks CLI's secret commands: remembers every call and refuses what the real one refuses.

Runs without site-packages, so that a call costs milliseconds. Its state stands beside it, in `state.json`.
"""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
LONGEST = 128 * 1024


def main(arguments):
    """Answer one call."""
    state = json.loads((HERE / "state.json").read_text())
    given = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    call = {"argv": arguments, "environment": dict(os.environ), "stdin": given.decode()}
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(call) + "\n")
    words, options = _split(arguments)
    answer = _answer(state, words, options, call["stdin"])
    (HERE / "state.json").write_text(json.dumps(state))
    if answer is not None:
        print(answer)  # noqa: T201  # what a command line says


def _split(arguments):
    words, options, rest = [], {}, list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--version" or not word.startswith("-"):
            words.append(word)
        else:
            options[word] = rest.pop(0)
    return words, options


def _answer(state, words, options, given):
    if words == ["--version"]:
        return state["version"]
    if not state["logged_in"] or options.get("--profile", "DEFAULT") not in state["profiles"]:
        _refuse("default auth: cannot configure default credentials, please check the documentation")
    if words == ["current-user", "me"]:
        return json.dumps({"userName": "someone@example.com"})
    if words[0] != "secrets" or words[1] not in _COMMANDS:
        _refuse(f'unknown command {" ".join(words)!r} for "databricks"')
    return _COMMANDS[words[1]](state, options, given, *words[2:])


def _list_scopes(state, _options, _given):
    hidden = state.get("made_meanwhile")
    found = [_described(state, name) for name in state["scopes"] if name != hidden]
    return json.dumps({"scopes": found} if state.get("wrapped") else found, indent=2)


def _described(state, name):
    if name not in state.get("vaults", {}):
        return {"backend_type": "DATABRICKS", "name": name}
    of_vault = {"dns_name": state["vaults"][name], "resource_id": "/subscriptions/1/resourceGroups/g"}
    return {"backend_type": "AZURE_KEYVAULT", "keyvault_metadata": of_vault, "name": name}


def _create_scope(state, _options, _given, scope):
    if scope.lower() in (name.lower() for name in state["scopes"]):
        _refuse(f"Scope {scope} already exists!")
    if len(state["scopes"]) >= state.get("most_scopes", 100):
        _refuse("Cannot create scope: the limit of scopes in this workspace is reached")
    state["scopes"][scope] = {}


def _put_secret(state, options, given, scope, key):
    if {"--string-value", "--bytes-value"} & set(options):
        _refuse("a value in argv shows in every process list: the stand-in wants standard input")
    if not given:
        _refuse("no value on standard input")
    if scope in state.get("vaults", {}):
        _refuse(f"Cannot write secrets to Azure KeyVault-backed scope {scope}")
    if len(given.encode()) > state.get("longest", LONGEST):
        _refuse(f"The maximum allowed secret value size is 128 KB{state.get('echo', '') and ': ' + given}")
    if key not in state.get("lost", ()):
        _scope(state, scope)[key] = given


def _list_secrets(state, _options, _given, scope):
    found = [{"key": key, "last_updated_timestamp": 1} for key in _scope(state, scope)]
    return json.dumps({"secrets": found} if state.get("wrapped") else found, indent=2)


def _put_acl(state, _options, _given, scope, principal, permission):
    _scope(state, scope)
    if principal not in state["principals"]:
        _refuse(f"Principal: {principal} does not exist")
    state["acls"].append([scope, principal, permission])


def _scope(state, scope):
    for name, secrets in state["scopes"].items():
        if name.lower() == scope.lower():
            return secrets
    return _refuse(f"Scope {scope} does not exist!")


def _refuse(line):
    sys.stderr.write(f"Error: {line}\n")
    sys.exit(1)


_COMMANDS = {
    "list-scopes": _list_scopes, "create-scope": _create_scope, "put-secret": _put_secret,
    "list-secrets": _list_secrets, "put-acl": _put_acl,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
