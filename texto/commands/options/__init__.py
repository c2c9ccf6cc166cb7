"""The options of every command. Imports nothing heavy."""
