"""What runs the course: the command line, JupyterLab, the doctor, and the learner's folder."""
