"""Tables on disk: schemas by stage, reading and writing, keyed ids and draws, private paths."""
