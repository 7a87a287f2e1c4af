"""Who takes part in a study group: selecting, balancing, splitting, copies.

screening_plan    which records are screened because a group could take them
words             words of classes that no record has
eligibility       which records fit a class
exclusions        a person's list of records to leave out
usability         which of them a group can use: grey window, crop, exclusions
equal_images      the same image twice: copies, and contradictions between classes
planning          the planned members: chosen, split, with copies; the three below are its steps
balancing         how many records of each class and sex take part, and which
splitting         training and validation, no patient on both sides
copies            augmented copies of members
rendering         the pixels of members, where a group owns them
settling          members whose image could be read
rejects_by_class  what share of each class each reason left out, and whether that is uneven
near_duplicates   members of different classes or parts that look the same
images            the images of members, read from their stores
subsets           parts of the training members: sized, or held out
image_draws       which images are attacked, and the seeds of their noise
logs              what the log says about members
"""
