"""Networks: building, folding, files on disk, and networks that were trained elsewhere.

classifier      the wrapper of every network: preprocessing in front, logits behind
outputs         from a network's outputs to logits of classes, and the threshold's offset
architectures   networks to train, by name
weights         where weights come from, and putting them into a network
declared_input  the images that a network's file says it takes, and the study's
final_activation  the softmax or sigmoid at the end of a network from elsewhere, left out
input_defences  what a defended network is shown in place of an image, and the gradient through it
combined        a network behind such a defence, and several networks together
folding         batch norm folded into convolutions, for inference
frozen_graph    a folded network on a CPU as a list of steps, with fewer copies than autograd makes
graph_steps     what one such step computes, forward and backward
packed_convolution  a convolution whose weights are packed for oneDNN once
cuda_graphs     a network whose passes are replayed as CUDA graphs; off by default
network_files   network.safetensors: save, load, import a network from elsewhere
formats         reading networks from elsewhere: which reader reads which format; TorchScript
graph           a network as a list of calls of torch functions, and the limits of its cost
graph_file      the same as tensors and JSON, for network.safetensors
pt2             exported programs, read into such a list
torch_archive   the tensors in torch's archives, read without unpickling
onnx_file       ONNX models, read into such a list
onnx_data       reading weights from them
onnx_operators  the operators of ONNX in torch functions
onnx_resize     one of them, Resize, which has many forms
trial           the first reading and passes of a network from elsewhere, in a process of its own
probe           checks of an imported network on some images, before it is attacked
preprocessing_grid  how right it is with other preprocessings than the declared one
import_findings  what an import found, for the page about the network
"""
