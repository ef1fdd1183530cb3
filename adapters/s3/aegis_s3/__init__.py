"""Objects in S3 and in stores that speak like it, and keys in AWS KMS."""

from aegis_s3.kms import AwsKms
from aegis_s3.storage import S3Storage

__all__ = ["AwsKms", "S3Storage"]
