"""DAGs of Airflow, one a configuration: new data, training, monitoring and batch prediction on Kubeflow Pipelines."""
