"""TFX components. Each folder is named for the noun it makes: `component.py` is what an author wires, `executor.py`
unwraps artifacts and calls the work, and the other modules are the work, which a test runs without an orchestrator.
"""
