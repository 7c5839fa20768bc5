// Tests of the SSDD rule, losses and steps.
