"""Networks: building, folding, files on disk, and networks that were trained elsewhere.

classifier     the wrapper of every network: preprocessing in front, logits behind
architectures  networks to train, by name
weights        where weights come from, and putting them into a network
folding        batch norm folded into convolutions, for inference
network_files  network.safetensors: save, load, import a network from elsewhere
formats        reading ONNX, TorchScript and exported programs from elsewhere
pt2            reading exported programs without running their code
probe          checks of an imported network on some images, before it is attacked
"""
