"""AWS: CodePipeline, CodeBuild and CodeDeploy through boto3."""
