"""Training a network, and judging it on clean images.

loop                     the epochs, resumable after a kill
epoch                    one pass over the training images, in a keyed order
losses                   the loss of a network's outputs
adversarial              the loss of attacked images, by PGD, TRADES or free training
step                     one optimiser step, in as many parts as memory needs
state                    everything that a killed training resumes from
optimizer                optimisers, and schedules of the learning rate
data                     which images are trained on, held out, and validated on
loading                  batches from the image stores, read ahead by threads
device_augmentation      random variations of a batch, on the device
batch_statistics         batch norm's running statistics: final values, and a check
evaluation               logits of clean images, accuracy, cross-entropy
history                  the table of epochs, training.csv
tensorboard              the same numbers for TensorBoard

Several devices:

workers                  the processes, one for each device: started, heard, ended together
ranks                    what one of them computes, and what it exchanges with the others
synchronised_batch_norm  batch norm over the images of all of them
passed_errors            an exception of one of them, raised in the job
"""
