"""The record of what was flashed: every attempt, who became whom, in a chain that shows what was changed afterwards."""
