"""A user's training code, for tests: a model of one feature, `x`."""

import tensorflow as tf


def run_fn(arguments):
    """Exports a model that predicts whether `x` is large; it is trained on nothing."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        def serve(self, x):
            return {"outputs": tf.sigmoid(x - 3.5)}

    assert arguments.train_files
    assert arguments.custom_config == {"units": 1}
    model = Model()
    tf.saved_model.save(model, arguments.serving_model_dir, signatures={"serving_default": model.serve})
