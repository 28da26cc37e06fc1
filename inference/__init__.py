"""From encoded images to defect boxes with ONNX Runtime alone, so that the product needs no training code."""
