from pgdose.api import DoseResponse as DoseResponse
from pgdose.api import dose_response as dose_response
