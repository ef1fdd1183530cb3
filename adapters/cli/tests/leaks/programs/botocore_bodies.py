import logging
import sys

import boto3
from botocore.config import Config

logging.basicConfig(level=logging.DEBUG)
logging.getLogger("urllib3").setLevel(logging.INFO)
# FIX

if __name__ == "__main__":
    from _server import serve

    client = boto3.client(
        "s3",
        endpoint_url=serve(),
        region_name="ap-southeast-7",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    client.put_object(Bucket="records", Key="latest", Body=b"", Metadata={"mrn": sys.argv[1]})
