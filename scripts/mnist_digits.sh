# Which digits the MNIST scripts use: leaves the arguments that say so in `digits`. Sourced, after lib.sh.
# shellcheck shell=bash
: "${project_root:?source lib.sh first}"

if [[ -f "$project_root/data/mnist_data/MNIST/raw/train-images-idx3-ubyte" ]]; then
    digits=()
elif [[ -f "$project_root/data/mnist_10k/train_images.npy" ]]; then
    say "MNIST is not in data/mnist_data: using the 10,000 real digits of data/mnist_10k (8,000 to train with)" >&2
    digits=(--set data.dataset=mnist_10k --set data.root=data/mnist_10k)
elif is_dry_run "$@"; then
    digits=() # the plan says what is missing
else
    fail "no digits in data/mnist_data or data/mnist_10k: run bash download_mnist.sh"
fi
export digits
