"""The tree of manifests: one consistent snapshot, hints that it changed, the commit that it stands at."""
