from yachay.pipelines.kubeflow.client.failure import node_id, reason_in_log


def test_a_nodes_id_is_the_workflow_and_the_hash_that_argo_takes():
    # FNV-1a in 32 bits, by the test vectors of its authors.
    assert node_id("wf", "") == f"wf-{0x811C9DC5}"
    assert node_id("wf", "a") == f"wf-{0xE40C292C}"
    assert node_id("wf", "foobar") == f"wf-{0xBF9CF968}"


def test_the_error_of_a_step_of_ours_is_found_before_the_launchers_own_lines():
    log = '{"half\n{"node": "Trainer", "state": "failed", "error": "no rows"}\nF0821 main.go:60] status 1\n'
    assert reason_in_log(log) == "no rows"


def test_a_log_of_another_program_gives_its_last_lines():
    assert reason_in_log("a\nb\n\nc\nd\n") == "its log ends with\n    b\n    c\n    d"
    assert reason_in_log("\n") == "an empty log"
