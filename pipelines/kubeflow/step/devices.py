"""What devices a step sees, for its log."""

import sys


def log_devices(num_asked: int) -> None:
    """Prints the GPUs that TensorFlow sees to standard error, and a warning where the step asked for more.

    Args:
        num_asked: int. How many devices the step's container asks for; nothing is printed for 0.
    """
    if not num_asked:
        return
    # Imported here: most steps ask for no device, and TensorFlow takes seconds.
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in devices]
    print(
        f"Devices: {num_asked} asked for, {len(devices)} seen{''.join(f', {name}' for name in names)}", file=sys.stderr
    )
    if len(devices) < num_asked:
        print(
            f"Warning: expected {num_asked} GPUs. Received: {len(devices)}. Is the step's image the one for GPUs "
            "(kubeflow.gpu_image), and does its CUDA fit the node's driver?",
            file=sys.stderr,
        )
    sys.stderr.flush()
