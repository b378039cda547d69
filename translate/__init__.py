"""The core of unpaired: adversarial objectives, shared modules, systems and the one training loop. It knows no modality."""
