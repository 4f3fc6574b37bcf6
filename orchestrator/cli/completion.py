"""`muster completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

_VARIABLE = "_MUSTER_COMPLETE"

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object {
        $_.Extent.EndOffset -lt $cursorPosition
    } | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
        else { $_.Extent.Text }
    })
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = $words -join "`n"
    $env:COMP_CWORD = $wordToComplete
    try {
        %(prog_name)s | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq 'plain') {
                if (-not $help) { $help = $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
            }
        }
    } finally {
        Remove-Item 'Env:%(complete_var)s', 'Env:COMP_WORDS', 'Env:COMP_CWORD' -ErrorAction SilentlyContinue
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion for Windows PowerShell 5.1 and PowerShell 7, which click has none for.

    Where a file is wanted nothing is answered: PowerShell then completes files by itself.
    """

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, one a line, and the one that is being written."""
        return os.environ.get("COMP_WORDS", "").split("\n"), os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        """One line an answer: its kind, its text, and its help."""
        return f"{item.type}\t{item.value}\t{' '.join((item.help or '').split())}"


add_completion_class(PowerShellComplete)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Its place is the file that the shell reads when it starts.

    In ~/.bashrc: eval "$(muster completion bash)"

    In ~/.zshrc: eval "$(muster completion zsh)"

    In ~/.config/fish/config.fish: muster completion fish | source

    In the file that $PROFILE names: muster completion powershell | Out-String | Invoke-Expression
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    script = kind(context.find_root().command, {}, "muster", _VARIABLE)
    # Not source() of the class: for bash it would start one, which a machine that only prints the script may not have.
    click.echo(script.source_template % script.source_vars())
