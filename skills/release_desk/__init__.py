"""The Alexa skill "release desk": its interaction model, and the dialogs that lead to the voice desk."""
