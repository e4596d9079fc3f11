"""The files that AWS also reads: pipeline JSON, buildspec.yml, appspec.yml, test reports. Pure."""
