"""Finding and fetching films and reports of a picture archive (PACS).

credentials   the login: of a private file, or of the environment
pacing        when and how fast a server is asked: hours, films per second, waits between tries
failures      how a server fails, and what becomes of it
tls           contexts of TLS: which certificates are trusted and shown
quiet_logs    loggers of other packages that would write UIDs and names
answers       what a server answers to a search, by keyword
connection    what DICOMweb and DIMSE have in common; opens the one that a study names
dicomweb      QIDO-RS and WADO-RS
multipart     the one part of an answer of WADO-RS
dimse         C-FIND, C-GET and C-MOVE
contexts      which SOP classes and transfer syntaxes an association is for
move_listener where films of C-MOVE arrive
filters       checks of a study's filters on what a server answers
listing       which instances a server has of a source
instances     whether an instance is whole, and which one it is
folder        the folder of fetched files, and how full its disk may get
fetching      fetching listed instances, however often it takes
fetched_files the files of a source, under the ids that a folder would give them
listing_notes what of a listing a person must know
input_checks  checks before any job: root, login, certificates

`listing.list_instances` comes first, and `fetching.fetch` takes its rows.
"""
