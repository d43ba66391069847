"""What is run to check Part 2. Each check drives the student's optimizers and trainers and yields what they return."""
