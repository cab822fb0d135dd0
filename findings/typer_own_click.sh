#!/usr/bin/env bash
# typer 0.29.0 (2026) carries a copy of click as typer._click and no longer needs the package: with click installed beside
# it, none of the exceptions that a typer application raises is one of click's. `except click.ClickException` around
# app(standalone_mode=False), with which programs gave usage errors their own form, catches nothing and the error goes on
# as a traceback. With typer 0.16.0 the same program catches it. Seen with click 8.2.1 on Python 3.11, Linux x86-64.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/app.py" <<'PY'
import click
import typer

app = typer.Typer()


@app.command()
def count(number: int = 1) -> None:
    print(number)


try:
    app(["--number", "one"], standalone_mode=False)
except click.ClickException:
    print("caught")
except Exception as error:
    print("missed:", type(error).__module__)
PY
seen=()
for version in 0.16.0 0.29.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "typer==$version" click==8.2.1
    seen+=("$("$folder/$version/bin/python" "$folder/app.py")")
    echo "typer $version: ${seen[-1]}"
done
if [[ "${seen[0]}" != caught || "${seen[1]}" != "missed: typer._click"* ]]; then
    echo "changed" >&2
    exit 1
fi
echo "as described"
