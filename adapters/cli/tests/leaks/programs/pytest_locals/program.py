import os
import subprocess
import sys

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "check_admission.py"]
    subprocess.run(command, env={**os.environ, "CANARY": sys.argv[1], "PYTHONWARNINGS": ""})
