"""The AWS-compatible endpoint: CodePipeline's, CodeBuild's and CodeDeploy's own API over the local engine."""
