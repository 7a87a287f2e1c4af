"""X-ray films: from DICOM files to records, and to pixels and what is on them.

headers           the pass over an archive's headers, without pixels
character_sets    texts of headers, and wrong declarations of their encoding
archive_index     headers joined to the labels of reports: one record a film
source_images     the pixels of one image of an archive or of a table of ready images
films             the pixels of one film, as grey values
dicom_file        opening a DICOM file safely
data_set_start    how a data set is encoded that does not say it
film_checks       whether a data set holds one film, and how its words hold its values
modalities        which images are films, and not slices of a CT
orientation       which way round a film is stored
film_notes        notes on films that are turned, or do not say what they are
decode            decoding compressed pixels, in a separate process
decoders          the decoders that run there, and their order
codestream        what compressed pixels state: their size, and what coding they are
colour            greys that are stored as colours
lookup_tables     the lookup tables of a file
grey              from stored words to grey: rescale, grey window, inversion
screening         which images are usable, and why others are not
reject_reasons    the code of every reason for which an image is rejected
source_rejects    the rejects of a whole source
aorta_window      the window of the aorta, for `crop: aorta`
hand_drawn_boxes  the windows that a person drew, for `boxes`
chest_fit         where the thorax is on a film, and whether the film is lateral
pattern_fit       laying a pattern over a film and fitting it
thorax_patterns   the patterns of a frontal and a lateral chest
"""
