"""The Explorer workflow API as values: nothing above this package sees HTTP."""
