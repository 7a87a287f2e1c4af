"""English reports by the kind of what they say: denial, doubt, change, sections, norm."""

import pytest
from helpers.lexicons import expected

from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import label

DENIED = [  # nothing is present or in doubt
    "No focal airspace opacity to suggest a pneumonia.",
    "There is no focal opacity to suggest an acute pneumonia",
    "No consolidation to suggest the presence of pneumonia.",
    "No effusion, pneumothorax, or left basal pneumonia",
    "No pneumothorax, effusion or a nodule.",
    "No consolidation or definite pulmonary nodule",
    "No focal consolidation, pleural effusion or pulmonary nodules",
    "No suspicious nodules",
    "No suspicious pulmonary nodule or mass is identified.",
    "no definite infiltrate or pneumonia",
    "No convincing evidence of pneumonia",
    "There is no convincing radiographic evidence of active tuberculosis.",
    "Without evidence of focal pneumonia, effusion or pneumothorax",
    "The lungs are clear of nodules.",
    "Lungs are clear of focal opacities and pneumonia",
    "The lungs are free of focal opacity",
    "Negative for pneumonia, nodule, or mass.",
    "The previously described nodule is no longer seen.",
    "The left lower lobe pneumonia is no longer visualized",
    "There is no longer a nodule at the right base",
    "Interval clearing of the right lower lobe pneumonia.",
    "Interval resolution of the left basilar pneumonia",
    "Pneumonia has completely cleared",
    "Right upper lobe pneumonia, resolved.",
    "The nodular opacity in the left midlung has resolved.",
    "Nothing to suggest pneumonia.",
    "There is nothing to suggest active tuberculosis",
    "No findings suggestive of pneumonia.",
    "No findings to suggest tuberculosis",
    "No radiographic evidence for pneumonia or tuberculosis.",
    "No opacity concerning for pneumonia",
    "No pneumonia, pulmonary edema, or suspicious nodule.",
    "The study is negative for active tuberculosis",
    "No sequelae of tuberculosis",
    "Neither nodule nor pneumonia",
    "Lungs clear, no pneumonia or left-sided nodule",
    "The nodules, described earlier, are not seen.",
    "No nodules,\npneumonia or fibrosis.",
    "No\nTB, no nodule.",
    "No scarring or emphysema.",
    "No focal areas of opacity. No scar.",
    "Nodules suspicious for metastases are not seen.",
    "Does not show pneumonia",
    "No lobar pneumonia, mass, nodule or adenopathy is seen",
    "The aorta is not unfolded. No unfolding of the aorta.",
    "No pneumonia is seen, and there is no evidence of emphysema.",
    "Surgical scar over the left chest wall",
    "Calcified nodules in the right lung",
    "Focal consolidation at the left base",
    "Subcutaneous emphysema along the left chest wall.",
    "Contact of TB. Lungs show a cyst.",
    "TB exposure at work, screened for TB.",
    "The nodule is calcified.",
    "Left base nodule consistent with a calcified granuloma",
    "No active or healed tuberculosis.",
]
PRESENT = [
    ("Apart from mild fibrosis at the right base no abnormality", "fibrosis"),
    ("No abnormality except for a nodule in the left apex", "focal_shadows"),
    ("Lungs are clear except for scarring in the left base.", "fibrosis"),
    ("Other than a small nodule, no pneumonia is seen", "focal_shadows"),
    ("No effusion with residual scarring at the left base", "fibrosis"),
    ("No pneumothorax, the aorta is unfolded", "aorta"),
    ("No pneumothorax, a nodule is in the right apex", "focal_shadows"),
    ("No pneumonia or effusion, scarring of the left base", "fibrosis"),
    ("Resolving right lower lobe pneumonia", "pneumonia"),
    ("Improving pneumonia at the left base", "pneumonia"),
    ("Pneumonia has not completely cleared", "pneumonia"),
    ("Partial clearing of the right lower lobe pneumonia", "pneumonia"),
    ("Incompletely resolved pneumonia", "pneumonia"),
    ("Pneumonia persists. Follow up to document resolution of pneumonia.", "pneumonia"),
    ("No significant change in the nodule", "focal_shadows"),
    ("No improvement in the pneumonia", "pneumonia"),
    ("Findings consistent with emphysema", "emphysema"),
    ("Findings in keeping with pneumonia", "pneumonia"),
    ("Biapical scarring. No nodule.", "fibrosis"),
    ("Sequelae of old Koch's disease", "tuberculosis"),
    ("Fibrocalcific strands in both apices", "fibrosis"),
    ("Non-calcified nodule in the lingula", "focal_shadows"),
    ("Emphysema, resolved pneumonia.", "emphysema"),
    ("Emphysema and resolved pneumonia", "emphysema"),
    ("Scarring and fibrosis at the bases", "fibrosis"),
    ("The nodule is unchanged. No new nodule.", "focal_shadows"),
    ("Emphysematous lungs, but no pneumonia", "emphysema"),
    ("Bullous emphysema without pneumonia or nodule", "emphysema"),
]
IN_DOUBT = [
    ("Bony overlap at the apices could obscure a small nodule.", "focal_shadows"),
    ("Overlying soft tissue may mask pneumonia", "pneumonia"),
    ("Pneumonia is less likely.", "pneumonia"),
    ("Pneumonia unlikely", "pneumonia"),
    ("Correlate for pneumonia", "pneumonia"),
    ("Question of a nodule at the right apex", "focal_shadows"),
    ("Right basal opacity, rule out pneumonia", "pneumonia"),
    ("R/O TB", "tuberculosis"),
    ("?nodule right apex", "focal_shadows"),
    ("Streaks at the right base ?fibrosis", "fibrosis"),
    ("enlarged heart ?unfolded aorta", "aorta"),
    ("Impression: ? pneumonia", "pneumonia"),
    ("Atelectasis or scarring at the left base", "fibrosis"),
    ("Bibasilar atelectasis/scarring", "fibrosis"),
    ("Linear opacity due to atelectasis versus scar", "fibrosis"),
    ("Tuberculosis versus pneumonia", "tuberculosis pneumonia"),
    ("Pneumonia or bronchitis", "pneumonia bronchitis"),
    ("Lymphoma, sarcoidosis and tuberculosis are to be considered", "tuberculosis"),
    ("CT is suggested to exclude a nodule", "focal_shadows"),
    ("Large heart. Recommendation: CT for the nodule", "focal_shadows"),
    ("Findings may indicate early emphysema", "emphysema"),
    ("Opacity suspicious for pneumonia", "pneumonia"),
    ("Concern for pneumonia at the left base", "pneumonia"),
    ("This could represent pneumonia in the right clinical setting", "pneumonia"),
    ("Superimposed pneumonia cannot be excluded.", "pneumonia"),
    ("Favor scarring", "fibrosis"),
    ("Probably fibrosis", "fibrosis"),
]
SECTIONS = [  # (report, present, in doubt)
    ("INDICATION: Pneumonia.\nFINDINGS: Heart is large.\nIMPRESSION: Cardiomegaly.", "", ""),
    ("HISTORY: Emphysema, prior tuberculosis.\nThe heart is large.", "", ""),
    ("Hx: TB.\nCOMPARISON: CT, 4 mm nodule.\nFINDINGS: Emphysema.", "emphysema", ""),
    ("CLINICAL HISTORY\nCough, pneumonia?\nFINDINGS\nScar at the left base.", "fibrosis", ""),
    ("Clinical: r/o pneumonia. Emphysema is seen.", "emphysema", ""),
    ("COMPARISON: None. INDICATION: Nodule. FINDINGS: Clear. IMPRESSION: TB.", "tuberculosis", ""),
    (
        "EXAM: CXR\nREASON: persistent cough,\nbronchitis vs pneumonia\nFINDINGS: Scars.",
        "fibrosis",
        "",
    ),
    ("TECHNIQUE: PA view to exclude nodule.\nFindings: Fibrosis.", "fibrosis", ""),
    ("IMPRESSION: 1. Emphysema. 2. No pneumonia.", "emphysema", ""),
    ("INDICATION: pneumonia", "", "norm pneumonia"),  # nothing but context
    ("History of pneumonia in 2010. Fibrosis.", "fibrosis", ""),
    (
        "FINDINGS: Emphysema.\nRECOMMENDATION: Follow-up of the nodule.",
        "emphysema",
        "focal_shadows",
    ),
]
NORM = [
    "The heart is normal in size. The mediastinum is unremarkable. The lungs are clear.",
    "Both lungs are clear and expanded. Heart and mediastinum normal.",
    "Heart size and pulmonary XXXX appear normal. Lungs are free of airspace disease. No pleural "
    "effusion or pneumothorax XXXX. XXXX structures intact.",
    "COMPARISON: XXXX.\nINDICATION: Pneumonia.\nFINDINGS: Heart size is normal. Lungs are clear.\n"
    "IMPRESSION: No acute cardiopulmonary abnormality.",
    "FINDINGS: The trachea is midline. Negative for pneumothorax, pleural effusion or focal "
    "airspace consolidation. The heart size is normal.",
    "Cardiomediastinal silhouette is within normal limits of size and appearance. The pulmonary "
    "vascularity is unremarkable. Lungs are expanded and clear of airspace disease.",
    "No focal areas of consolidation. Cardiac silhouette appears within normal limits.",
    "1. No acute cardiopulmonary disease.",
    "Impression: No acute cardiopulmonary XXXX.",
    "Lungs: Clear. Pleura: No effusion. Heart: Normal. Bones: No fracture.",
    "lungs clear heart normal no effusion no ptx",
    "Normal chest. No pneumonia.",
    "CHEST X-RAY PA\nLung fields clear. CP angles clear. Heart size normal. Bony cage normal.",
    "No pneumonia, effusions, edema, pneumothorax, adenopathy, nodules or masses. Lungs are clear.",
    "Visualized osseous structures of the thorax are without acute abnormality. Clear lungs.",
    "Normal cardiomediastinal contours. Clear lungs. No pneumothorax or large pleural effusion.",
    "The lungs and pleural spaces show no acute abnormality. Heart size within normal limits.",
    "Normal heart, lungs, hila, mediastinum, pleural surfaces and bony structures.",
    "There is no focal consolidation, pneumothorax, or effusion. No acute bony abnormalities.",
    "Impression: Unremarkable radiographs of the chest.",
]
NO_NORM = [
    "Lungs are clear. Heart size is stable.",
    "Lungs are clear. Heart is mildly enlarged.",
    "No change in the lung disease.",
    "No significant change.",
    "No interval change. Heart size normal.",
    "No new opacity. Heart normal.",
    "The lungs are hyperexpanded but clear.",
    "Lungs clear. Calcified granuloma at the right base.",
    "Heart is at the upper limits of normal. Lungs are clear.",
    "Lungs are otherwise clear. Heart normal.",
    "No effusion. Heart normal.",
    "No pneumonia.",
    "Normal heart size.",
    "Lungs are clear. Pleural effusion.",
    "No acute disease. Degenerative changes of the spine.",
    "IMPRESSION: No acute disease.\nFINDINGS: Old rib fracture. Lungs clear.",
    "The lungs are not clear.",
    "Lungs are clear? Heart normal.",
    "Low lung volumes. Lungs are clear.",
    "Tortuous aorta. Lungs are clear. Heart normal.",
    "Lungs are clear. Recommend CT of the left base mass.",
    "INDICATION: Normal chest.",
    "Lungs are clear. Pacemaker.",
    "Normal lungs. Mild cardiomegaly.",
    "Not normal.",
    "Clear of what?",
]

# Short normal reports with removed words (XXXX), also inside sentences and words
SHORT_NORM = [
    "COMPARISON: None.\nINDICATION: XXXX\nFINDINGS: The cardiac silhouette and mediastinum size"
    " are within normal limits. There is no pulmonary edema. There is no focal consolidation. "
    "There are no XXXX of a pleural effusion. There is no evidence of "
    "pneumothorax.\nIMPRESSION: Normal chest x-XXXX.",
    "The heart and lungs have XXXX XXXX in the interval. Both lungs are clear and expanded. "
    "Heart and mediastinum normal.\nIMPRESSION: No active disease.",
    "FINDINGS: Frontal and lateral views of the chest show normal size and configuration of the"
    " cardiac silhouette. Normal mediastinal contour, pulmonary XXXX and vasculature, central "
    "airways and lung volumes. No pleural effusion.\nIMPRESSION: No acute or active cardiac, "
    "pulmonary or pleural disease.",
    "Heart size within normal limits. No focal alveolar consolidation, no definite pleural "
    "effusion seen. No typical findings of pulmonary edema.\nIMPRESSION: No acute "
    "cardiopulmonary findings.",
    "Lungs are clear bilaterally. Specifically, no evidence of focal consolidation, "
    "pneumothorax, or pleural effusion.. Cardio mediastinal silhouette is unremarkable. "
    "Visualized osseous structures of the thorax are without acute abnormality.",
    "The heart size and cardiomediastinal silhouette are within normal limits. There is no "
    "focal airspace opacity, pleural effusion, or pneumothorax. The osseous structures are "
    "intact.",
    "Cardiomediastinal silhouette is within normal limits for appearance. No focal areas of "
    "pulmonary consolidation. No pneumothorax. No pleural effusion. The thoracic spine appears "
    "intact. No acute, displaced rib fractures.\nIMPRESSION: No acute cardiopulmonary "
    "abnormality.",
    "Normal heart size and mediastinal contours. Lungs are clear. XXXX are unremarkable. No "
    "XXXX of acute disease.",
    "XXXX and lateral chest examination was obtained. The heart silhouette is normal in size "
    "and contour. Aortic XXXX appear unremarkable. Lungs demonstrate no acute findings. There "
    "is no effusion or pneumothorax.\nIMPRESSION: 1. No acute pulmonary disease.",
    "The trachea is midline. The cardiomediastinal silhouette is normal. The lungs are clear, "
    "without focal consolidation or effusion. There is no pneumothorax. The visualized bony "
    "structures reveal no acute abnormalities.",
    "The cardioXXXX silhouette is normal. Lungs are clear. No pneumoXXXX.",
    "The heart is not significantly enlarged. The lungs are clear. The skeletal structures are "
    "unremarkable.",
    "No pneumothorax, pleural effusion, or airspace consolidation. Cardiomediastinal size is "
    "within normal limits. Pulmonary vasculature is unremarkable. No acute bony abnormality.",
    "Lungs are clear. No pleural effusions or pneumothoraces. Heart and mediastinum of normal "
    "size and contour.",
    "Normal cardiomediastinal contour. Well-expanded and clear lungs. No acute bony findings.",
    "Mediastinal contours are normal. Clear, well-inflated lungs. Bony thorax intact.",
    "The XXXX XXXX are clear. Cardiomediastinal silhouette normal.\nIMPRESSION: Negative for "
    "acute cardiopulmonary abnormality.",
    "Heart size normal. No focal XXXX. Lungs clear.",
    "Lungs are clear. No infiltrate, XXXX, or effusion. XXXX size is normal.",
    "Vertebral body heights are maintained. Lungs clear. Heart normal.",
    "Cardiac and mediastinal contours are within normal limits. The lungs are clear. Bony "
    "structures are intact.\nIMPRESSION: No acute preoperative findings.",
    "Heart and mediastinum normal. Lungs clear.\nIMPRESSION: No radiographic evidence of "
    "tuberculosis.",
    "The heart is normal in size and contour. There is no mediastinal widening. The lungs are "
    "clear bilaterally. No large pleural effusion or pneumothorax. The XXXX are intact.",
    "Chest: 2 views, XXXX. Heart size and pulmonary vascularity are normal. Lungs are "
    "clear.\nNormal exam.",
    "FINDINGS: Lungs are clear. Heart size is normal and the pulmonary XXXX are normal. No bony"
    " abnormality.\nIMPRESSION: Heart size is normal and the lungs are clear.",
    "Cardiac silhouette within normal limits. No evidence of acute infiltrate, effusion, or "
    "CHF. Visualized bones appear normal.\nIMPRESSION: No acute radiographic abnormality.",
    "Heart size, mediastinal contour, and pulmonary vascularity are within normal limits. No "
    "focal consolidation, suspicious pulmonary opacity, pneumothorax, or definite pleural "
    "effusion. Visualized osseous structures appear intact.",
    "There are no acute osseous abnormalities. The lungs are well-inflated. Heart is normal in "
    "size.",
    "The lungs appear clear. The pleural spaces are clear. Mediastinal contours are normal. The"
    " heart and pulmonary XXXX are normal.\nIMPRESSION: No acute cardiopulmonary disease",
    "Unremarkable cardiomediastinal silhouette. Lungs are free of infiltrate or edema. No free "
    "air beneath the diaphragm.",
    "Negative for cardiopulmonary disease.",
    "No acute cardiac or pulmonary disease process identified.",
    "No visible acute process. Heart normal.",
    "Lungs are clear without evidence of infiltrate or mass. No hilar or mediastinal "
    "adenopathy. Soft tissues and bony structures are unremarkable.",
    "Normal heart. Clear lungs. No XXXX.",
    "The chest is unchanged and normal.",
    "Lungs are clear. There is no XXXX effusion. The XXXX and soft tissues are within normal "
    "limits. The heart size is normal. The hilar XXXX and mediastinal contours are "
    "unremarkable.",
    "No rib fractures or pneumothorax. Lungs are clear. Heart XXXX normal.",
    "The lungs are clear and without focal air space opacity. The cardiomediastinal silhouette "
    "is normal in size and contour, and stable. No pneumothorax or pleural effusion.",
    "No acute cardiopulmonary abnormality. No evidence of active TB.",
    "Trachea is midline. Cardiac silhouette is normal. Lungs are symmetrically expanded and "
    "clear. No definite nodules. No acute bony abnormality.",
    "Heart size normal. Lungs are clear. XXXX are normal. No pneumonia, effusions, edema, "
    "pneumothorax, adenopathy, nodules or masses.\nNormal chest",
    "Lungs: The lungs are clear. Pleura: No pleural effusion or pneumothorax. Heart: Heart size"
    " normal. Bones: No acute osseous abnormality.",
    "Cardiomediastinal contours within normal limits of size and appearance. Lungs are clear of"
    " consolidation, effusion and pneumothorax.",
    "The cardiac silhouette, upper mediastinum and pulmonary vasculature are within normal "
    "limits. There is no acute air space infiltrate, pleural effusion or pneumothorax.",
    "No comparison chest x-XXXX. Well-expanded and clear lungs. Mediastinal contour within "
    "normal limits. No acute cardiopulmonary abnormality identified.",
    "Heart size and vascularity are normal. The lungs are clear. No pneumothorax is identified."
    " No pleural effusions are seen. Osseous structures appear intact.",
    "The lungs are clear. There is no evidence of an acute infiltrate. No pneumothorax. Heart "
    "size, mediastinal and XXXX silhouettes are within normal limits.",
    "Stable cardiomediastinal silhouette within normal limits. Lungs clear.",
    "Cardiomediastinal silhouette and pulmonary vasculature are within normal limits in "
    "appearance. No focal airspace opacity.",
    "No focal lung consolidation. No pleural effusion or pneumothorax. Cardiomediastinal "
    "silhouette is within normal limits. No acute or focal bony abnormality.\nIMPRESSION: 1. No"
    " acute cardiopulmonary process. 2. No significant interval change.",
    "The heart is normal in size and contour. The lungs are clear. There is no pneumothorax or "
    "pleural effusion.\nIMPRESSION: No acute cardiopulmonary abnormality. Specifically, no "
    "evidence of pneumonia.",
    "Heart size is normal. Mediastinum is normal. The pulmonary XXXX are normal and the lungs "
    "are clear. There are no bony abnormalities.\nIMPRESSION: Normal chest radiographs.",
    "Lungs are clear bilaterally with no focal infiltrate, pleural effusion, or pneumothoraces."
    " Cardiomediastinal silhouette is unremarkable. Visualized osseous structures of the thorax"
    " are within normal limits.",
    "Heart size appears within normal limits. Pulmonary vasculature appears within normal "
    "limits. No focal consolidation, pneumothorax or pleural effusion. No acute bony "
    "abnormality.",
    "The heart size and pulmonary XXXX are normal. Lungs are well aerated without infiltrate. "
    "The mediastinal contours and hilar structures are within normal limits. No XXXX XXXX "
    "abnormalities.",
    "There is no pneumothorax. There is no pleural effusion. There is no focal airspace "
    "opacity. The mediastinum is normal in appearance. The cardiac silhouette is normal. No "
    "free subdiaphragmatic air is seen.",
    "Normal cardiac size. Lungs are clear of active disease. Bones appear normal.\nIMPRESSION: "
    "No evidence of active disease.",
    "The cardiac and mediastinal silhouettes are normal in appearance. The lungs are grossly "
    "clear without evidence of focal airspace disease, pleural effusion, or pneumothorax.",
    "XXXX PA and lateral chest radiograph. Clear lungs, normal heart.",
    "The lungs are clear and the heart and mediastinal structures are within normal limits. No "
    "pleural fluid is seen.\nNormal chest.",
    "No acute abnormality demonstrated.",
    "IMPRESSION: 1. No acute pulmonary abnormality. 2. Normal heart.",
    "The aorta is normal in caliber. Heart is not enlarged. No infiltrates. The skeletal "
    "structures and soft tissues are normal.",
    "Exam: XXXX.\nLungs are clear. No pleural effusion seen. Heart size within normal limits. "
    "Mediastinal contours maintained.\nImpression: No acute cardiopulmonary finding",
    "Normal heart and mediastinum. No focal pulmonary opacity. No XXXX pleural effusion. No "
    "pneumothorax. The visualized bony thorax appears intact.",
    "No displaced rib fractures identified. No evidence of pneumothorax. The lungs are clear. "
    "Cardiomediastinal silhouette is unremarkable.",
    "Heart size is within normal limits. Mediastinal contours are normal. There is no airspace "
    "opacity, pneumothorax, or pleural effusion seen.\nIMPRESSION: No acute cardiothoracic "
    "abnormality.",
    "Cardiac silhouette is normal in size. Normal mediastinal contour and pulmonary "
    "vasculature. The XXXX are grossly clear. No XXXX bony abnormality.",
    "The cardiac silhouette is not enlarged, and mediastinal contours are normal in appearance."
    " No focal XXXX of consolidation is seen. No pleural effusion is noted.",
    "Heart size normal. Lungs clear.\nIMPRESSION: No acute disease. The lungs are clear.",
    "Lungs are clear. No adenopathy. No effusions. The heart size is normal. No evidence of TB.",
    "The examination demonstrates clear lungs, normal heart size and no effusion.",
    "Chest. Lungs are clear without evidence of acute infiltrate. Heart normal. Shoulder XXXX "
    "normal.",
    "Negative exam.",
    "No acute chest disease.",
    "No evidence of acute pulmonary process.",
    "Lungs are clear. There is no focal airspace consolidation. No pleural effusion or "
    "pneumothorax. Heart size and mediastinal contour are within normal limits. There are no "
    "acute or suspicious osseous abnormalities.",
    "No acute pleuroparenchymal abnormality. Heart size normal.",
    "Normal appearance of the heart and mediastinum. Lungs are clear. No large pneumothorax. No"
    " osseous abnormality.",
    "Heart size is normal. Aortic contour is normal. Lungs are clear. No edema.\nIMPRESSION: No"
    " acute cardiopulmonary disease. Dr. XXXX",
    "Cardiac and mediastinal silhouettes are within normal limits. The lungs are clear. No "
    "effusions. Negative for fracture.",
    "Heart, mediastinum, XXXX, bony structures and lung XXXX are unremarkable.",
    "The XXXX fields are clear. Heart size is normal.",
    "The mediastinal and hilar structures appear unremarkable. Normal lungs. Normal heart. No "
    "pleural disease.",
    "No evidence of pneumothorax, infiltrate or pleural effusion. Heart and mediastinum are "
    "normal. No fracture.",
    "There is no evidence for acute cardiopulmonary disease.",
    "No radiographic evidence of acute pulmonary disease process.",
    "No acute infiltrates or effusions. Heart size normal. Bones unremarkable for age.",
    "Heart size normal. No pulmonary vascular congestion, focal airspace disease, or pleural "
    "effusion.",
    "Both lung fields are free of focal disease. The cardiac silhouette is normal.",
    "Normal frontal and lateral chest radiograph.",
    "Normal PA and lateral views of the chest.",
    "Unremarkable chest examination without acute abnormality.",
    "Clear and normally aerated lungs. Heart size normal.",
    "Lungs are clear, no effusion or pneumothorax. Heart size is not enlarged. The bony thorax "
    "is grossly normal.",
    "The lungs are clear. The heart is not enlarged. No pathologic adenopathy. No bony lesions.",
    "The lungs are clear. Cardiomediastinal silhouette is normal. There are no acute bony "
    "findings. No rib fractures are seen.",
    "There is no acute osseous abnormality. The soft tissues are within normal limits. No focal"
    " infiltrates.",
    "No focal infiltrate or effusion. Heart size normal, mediastinum normal, soft tissues "
    "unremarkable.",
    "Lungs clear. Heart, pulmonary vascularity and mediastinum appear within normal limits. No "
    "pleural effusion or pneumothorax is seen. Osseous structures intact.\n1. No evidence of "
    "active disease.",
    "Pulmonary vascularity is normal and there are no XXXX of edema. Lungs clear.",
    "Normal mediastinal silhouette. The lungs are free of any focal infiltrates.",
    "No airspace opacity is present. No cardiomegaly.",
    "Normal exam of the chest. No active TB.",
    "Lungs and pleural spaces appear clear. Heart size within normal range. The bones are "
    "unremarkable.",
    "The lungs are normal in volume and clear. Heart normal.",
    "The lungs are clear with normal vascularity. The heart is normal.",
    "The pulmonary vascularity is within normal limits, and there is no focal consolidation. "
    "Normal heart.",
    "Heart size within normal limits. Lungs are clear. Bones are intact. Upper abdomen "
    "unremarkable. No acute findings in the chest. Thank you.",
    "No focal XXXX of consolidation is seen. Heart normal.",
    "Heart, lungs and mediastinum normal in appearance. No change.",
    "Trachea midline, heart and great vessels normal, lung fields clear.",
    "Normal chest x-ray for age.",
    "The cardiac silhouette is within normal limits in size. Lungs clear of airspace disease, "
    "pneumothorax or pleural effusion. There are no acute bony findings.",
    "The heart size is normal and unchanged. Lungs clear.",
    "Normal heart size and mediastinal contour. No consolidating airspace disease.",
    "The lungs are clear without consolidation, effusion or edema. The heart is within normal "
    "limits for size. No pneumothorax. Osseous structures without acute abnormality.",
    "There is no acute consolidation, effusion, or pneumothorax. Cardiac and mediastinal "
    "contours are unremarkable. Remaining osseous structures are normal.",
    "Chest radiograph: no acute radiographic cardiopulmonary process.",
    "No focal areas of airspace consolidation, pleural effusion or pneumothorax. The cardiac "
    "and mediastinal silhouette is unremarkable.",
    "PA and lateral views of the chest demonstrate the lungs to be clear. Heart size is normal.",
    "Two-view chest: Lungs are clear. Normal heart.",
    "Impression: No acute infiltrate. Normal heart size.",
    "Heart size and pulmonary vessels normal. Lungs clear. Visualized bones unremarkable. No "
    "pleural effusion.\nIMPRESSION: No evidence of metastatic disease.",
    "No acute cardiopulmonary process is identified.",
    "There is no evidence of active cardiopulmonary disease on this exam.",
    "Impression: No evidence of pneumonia or other acute disease.\nFindings: Lungs clear. Heart"
    " normal.",
    "Lungs are well inflated without evidence of focal airspace disease. There is no evidence "
    "of pleural effusion or pneumothorax. Cardiomediastinal silhouette is normal.",
    "No suspicious pulmonary nodules, masses, or infiltrates are seen. Normal heart.",
    "Lungs clear. Heart, aorta, and mediastinum are unremarkable in appearance. Visualized "
    "skeleton intact.",
    "Chest XXXX: Normal heart, clear lungs, no effusion.",
    "XXXX chest x-XXXX. Heart and lungs are normal.",
    "There is no XXXX abnormality. The lungs are clear.",
    "No rib or clavicular fracture. Lungs clear.",
    "The lungs are clear, there is no pleural effusion and the heart is normal.",
    "Cardiomediastinal silhouettes are within normal limits. Lungs are clear without focal "
    "consolidation, pneumothorax, or pleural effusion. Bony thorax is "
    "unremarkable.\nIMPRESSION: No acute cardiopulmonary abnormalities.",
    "Lung volumes normal. No consolidation. Sharp costophrenic angles bilaterally. Heart normal.",
    "The heart silhouette is normal. Lungs are clear bilaterally without evidence of effusion "
    "or infiltrate. Bony structures appear grossly intact without evidence of fracture.",
    "Unchanged normal appearance of the chest.",
    "The osseous structures and soft tissues are unremarkable for age. Lungs are clear.",
    "Normal pulmonary vascularity. Normal heart size. Normal lungs.",
    "No acute abnormality of the heart or lungs.",
    "Heart size is within normal limits with no mediastinal or hilar adenopathy. Lungs are free"
    " of infiltrate.",
    "The pulmonary vasculature is not engorged. No consolidations. Heart size normal.",
    "Chest film is normal. No evidence of active or old TB.",
    "Lungs are clear without infiltrate or effusion. Heart normal. Spine is "
    "unremarkable.\nCONCLUSION: Unremarkable.",
    "Clear lungs; no active disease. Heart WNL.",
    "No acute focal infiltrate, no effusion, no pneumothorax, normal cardiac silhouette, and "
    "normal osseous structures.",
    "No lung nodules. Lungs are clear. Heart is normal.\nIMPRESSION: No evidence of "
    "intrathoracic metastasis.",
    "The cardiopulmonary silhouette is within normal limits. Lung fields clear.",
    "Lung fields: clear. Cardiac shadow: normal. CP angles: clear. Domes: normal. Bony cage: "
    "normal.",
    "The visualised thoracic cage shows no abnormality. Lungs clear. Heart not enlarged.",
    "No bony or soft tissue abnormality. Lungs clear. Trachea central.",
    "No active or healed tuberculosis. Lungs clear.",
    "No acute pulmonary disease. The heart and mediastinum are normal. Rib cage intact.",
    "The lungs and pleural spaces are clear. The heart and mediastinum are normal. Bones are "
    "normal.\nIMPRESSION: No radiographic evidence of acute disease in the chest.",
    "Cardiac silhouette and mediastinal contours are within normal limits. Lungs are clear "
    "bilaterally. No pneumothorax.\nIMPRESSION: Normal chest x-XXXX, no change from prior.",
    "Lungs clear. Heart size normal. No acute abnormality since previous exam.",
    "XXXX XXXX and lateral views. Lungs clear, heart normal.",
    "The lungs are clear of focal infiltrates. Mediastinum and heart are within normal limits, "
    "and the bones are intact.",
    "Heart within normal limits. No infiltrates, no edema. No evidence of acute disease.",
    "Lungs are normally expanded and clear. Cardiac size normal.",
    "CHEST 2V FRONTAL/LATERAL XXXX, XXXX XXXX PM\nHISTORY: chest pain\nCOMPARISON: "
    "none\nFINDINGS: Heart size normal. No focal consolidation.\nIMPRESSION: No acute "
    "cardiopulmonary disease.",
    "Lungs are clear without focal consolidation. No evidence for pneumothorax. No evidence of "
    "pleural effusion. Normal pulmonary vascularity. Normal cardiomediastinal silhouette. No "
    "XXXX deformity.",
    "Normal cardiac contours. Clear lungs. Unremarkable XXXX.",
    "IMPRESSION: No acute pulmonary pathology.",
    "Clear chest. Heart size normal. No evidence of pneumonia.",
    "No findings of active tuberculosis. Normal chest.",
    "Normal heart size and mediastinal contours with clear lungs.",
    "Lungs are clear. Heart is normal. Visualized portions of the upper abdomen are unremarkable.",
    "Lungs are clear. No pneumothorax or effusion. Normal heart and mediastinal silhouette. The"
    " visualised XXXX are intact.",
    "No acute radiographic abnormality. Lungs clear.",
    "The lungs demonstrate no focal opacity. No effusion. Heart size is within normal limits. "
    "Mediastinal silhouette is within normal limits. Pulmonary vasculature is within normal "
    "limits. Osseous structures demonstrate no acute abnormality.",
    "The cardiac contours are normal. XXXX XXXX are normal. No pneumonia. The lungs are clear.",
    "No lobar consolidation, pleural effusion or pneumothorax. Heart normal.",
    "Lungs clear. No pulmonary edema or pneumonia.",
    "Lungs clear, normal heart. No radiographic evidence of pneumothorax.",
    "Heart size is normal. The lung XXXX are clear.",
    "No consolidation, pneumothorax or effusion. Normal cardiac silhouette. There is no acute "
    "bony process.",
    "Lungs are clear. Heart size is normal. There is no pneumothorax. No focal bony lesions. No"
    " air under the diaphragms.",
    "Mediastinum and cardiac silhouette normal. Lungs clear.",
    "The chest appears normal. No masses.",
    "Bilateral lungs clear. Bilateral costophrenic angles clear.",
    "Normal study of the chest.",
    "Chest X ray within normal limits, no bony injury.",
    "Both lung fields appear normal. Both domes of diaphragm are normally placed. "
    "Cardiothoracic ratio is within normal limits.",
    "The heart is normal. The mediastinum is normal. The lungs are normally inflated. No "
    "pneumothorax.\nIMPRESSION: Unremarkable.",
    "The heart, mediastinum and pulmonary vasculature are normal. Lungs clear.\nIMPRESSION: No "
    "acute pulmonary process. No evidence of pneumonia",
    "Radiographs of the chest were obtained. The lungs are clear. Cardiomediastinal contours "
    "are unremarkable. No free intraperitoneal air.",
    "Lungs are clear. Pulmonary vascularity within normal limits. Cardiomediastinal silhouette "
    "normal. No focal bony abnormality.\nIMPRESSION: No acute cardiopulmonary abnormality seen",
    "There is no acute cardiopulmonary abnormality. The lungs are clear. Heart size is within "
    "normal limits. XXXX, XXXX are intact.",
    "The lungs are clear, and the cardiomediastinal silhouette is within normal limits. There "
    "is no pneumothorax or effusion. The bony structures of the thorax are within normal "
    "limits.",
    "The heart size is within normal limits. Lungs are clear bilaterally. There is no focal "
    "area of consolidation. No pulmonary edema. No pneumothorax or effusions.",
    "No focal airspace disease. Heart size and mediastinum within normal limits. Pleural "
    "surfaces are unremarkable.",
    "FINDINGS: Lungs are clear. Cardiac silhouette is normal.\nIMPRESSION: No acute disease in "
    "the chest. Specifically, no pneumonia or effusion.",
    "Heart size normal and lungs are clear.",
    "Normal heart size. Clear lung XXXX. No pneumothorax or pleural effusion.\n1. No acute "
    "cardiopulmonary abnormality.",
    "Normal chest without active disease.",
    "No acute cardiopulmonary disease. No evidence of intrathoracic metastatic disease.",
    "No evidence of acute cardiopulmonary disease. No radiographic evidence of tuberculosis.",
    "Lungs are clear. No evidence of sarcoidosis. Heart normal.",
    "Lungs clear. No adenopathy to suggest sarcoidosis. Heart normal.",
    "The lungs are clear without evidence of acute infiltrate or effusion. The visualized bony "
    "structures are within normal limits. The heart size is normal.",
    "Chest PA and lateral: Heart is normal. Lungs clear bilaterally. No evidence of free air.",
    "There is a normal cardiomediastinal silhouette. Lungs are clear. There is no pleural "
    "effusion.",
    "Normal cardiomediastinal silhouette, clear lungs, no pleural effusions, no acute bony "
    "abnormality.",
    "There are clear lungs with normal heart size.",
    "The lungs are well expanded without infiltrate. No masses or nodules. The heart is normal.",
    "Lungs are clear. Mediastinal structures and heart normal. No pleural effusions or "
    "pneumothorax. No subdiaphragmatic free air. Soft tissue and osseous structures grossly "
    "unremarkable.",
    "Cardiomediastinal silhouette is within normal limits. The lungs are normal in appearance. "
    "No pleural effusion.",
    "The heart is within normal size and contour. The lungs are clear. No bony abnormalities.",
    "Heart and mediastinal contours are within normal limits. Lungs clear. No large effusion. "
    "Osseous structures are unremarkable given technique.",
    "Lungs show good aeration. No infiltrates. Heart is of normal size.",
    "Normal vascularity. Lungs well expanded. Heart size is within normal limits.",
    "Lungs are clear with no infiltrates, masses or effusions. Cardiac size normal.",
    "No abnormality of the lungs, heart, or mediastinum.",
    "The pulmonary XXXX appear normal. Lungs clear.",
    "Lungs are clear, heart is normal size and configuration.",
    "CXR normal.",
    "CXR - NAD",
    "Chest X-ray: NAD.",
    "CXR shows clear lungs and normal heart.",
    "Chest clear. Heart not enlarged. Bones intact.",
    "Chest: Clear.",
    "No focal lung lesion. Normal heart.",
    "Normal cardiac silhouette and clear lungs.",
    "No acute lung disease.",
    "No pulmonary infiltrate. Heart size normal.",
    "Pulmonary vasculature and interstitium within normal limits. No consolidation.",
    "IMPRESSION: Negative chest x-ray, no evidence of TB.",
]
SHORT_NO_NORM = [
    "Lungs are clear. Mild scoliosis.",
    "No effusion, mild scoliosis. Lungs clear.",
    "Lungs clear, no effusion, pacemaker in place.",
    "No infiltrate, sternotomy wires. Heart normal.",
    "Lungs are clear otherwise.",
    "Heart size is stable. Lungs are clear.",
    "The cardiac silhouette is unchanged. Lungs are clear.",
    "Lungs are clear. Granuloma right base.",
    "No acute infiltrate. Old granulomatous disease.",
    "Lungs are clear. Calcified lymph nodes.",
    "Heart size upper limits of normal. Lungs clear.",
    "Heart size XXXX. Lungs clear. Low volumes.",
    "Heart size is XXXX. Lungs clear.",
    "Heart is XXXX. No effusion.",
    "Lungs are hypoinflated but clear.",
    "Lungs are hyperinflated. No effusion.",
    "Lungs clear. Elevated right hemidiaphragm.",
    "Lungs are clear. Right hemidiaphragm is elevated.",
    "The lungs are clear. Aorta is tortuous.",
    "The lungs are clear. Calcified aorta.",
    "Lungs are clear. The aorta is calcified but heart is normal.",
    "The lungs are clear. Degenerative changes of the spine.",
    "Lungs are clear. XXXX XXXX degenerative changes.",
    "No acute disease. Stable cardiomegaly.",
    "No acute disease, cardiomegaly, stable.",
    "Lungs clear. Increased AP diameter.",
    "Lungs are clear. There is a XXXX in the right base.",
    "Normal heart. XXXX opacity. Clear lungs.",
    "Lungs not clear. Heart normal.",
    "Lungs clear. Heart not normal.",
    "Lungs clear. Sternotomy.",
    "Lungs are clear. Bibasilar atelectasis.",
    "Right lung is clear. Left effusion.",
    "Lungs are clear. Prominent hilar XXXX.",
    "Lungs are clear. Increased interstitial markings.",
    "Lungs are clear. Surgical clips right upper quadrant.",
    "Heart normal. No new infiltrate.",
    "Partial resolution of infiltrate. Heart normal.",
    "Effusion has not resolved. Lungs are clear.",
    "Almost completely resolved pneumonia. Lungs clear.",
    "Residual effusion. Lungs clear.",
    "Nearly complete resolution of effusion. Lungs clear.",
    "Trachea to the left. Lungs clear.",
    "Interval resolution of effusion.",
    "FINDINGS: Degenerative changes.\nIMPRESSION: Heart and lungs normal.",
    "FINDINGS: Old rib fracture.\nIMPRESSION: Clear lungs.",
    "FINDINGS: Lungs clear. Calcified nodes.\nIMPRESSION: No acute disease.",
    "Lungs are clear with decreased effusion.",
    "No significant interval change.",
    "Unchanged.",
    "Stable exam.",
    "Heart normal.",
    "No effusion.",
    "No pneumonia or effusion. Heart large.",
    "There is no.",
    "Views of the chest.",
    "PA and lateral chest.",
    "Lungs are XXXX.",
    "The heart is enlarged. XXXX are clear.",
    "Chest, 2 views. No effusion.",
    "Lungs are low volume but clear.",
    "The right costophrenic angle is blunted. Lungs are clear.",
    "Costophrenic angle not clear.",
    "Lungs clear. No acute fracture. Old fracture.",
    "No evidence of active disease. Pleural thickening.",
    "Normal variant azygos lobe. Lungs clear.",
    "Lungs are clear. Kyphosis, osteopenia.",
    "Lungs are clear, scoliosis.",
    "No infiltrate, effusion. Cardiomegaly.",
    "The lungs are clear. Catheter tip in SVC.",
    "Left lung clear. Opacity on the right.",
    "Heart size within normal limits. Stable mediastinum with calcification. Lungs clear.",
    "Lungs are clear. Right hilar calcification.",
    "Lungs are clear. Mild XXXX curvature.",
    "Lungs are clear. Mild wedging of the XXXX.",
    "Mild XXXX. Lungs are clear.",
    "Lungs are clear. Heart XXXX enlarged.",
    "Heart is borderline. Lungs are clear.",
    "Chronic XXXX changes. No acute disease.",
    "No acute disease, chronic changes.",
    "No acute process, degenerative spine.",
    "Lungs clear, no effusion, bullous change.",
    "Tortuous aorta, no effusion, clear lungs.",
    "No infiltrate. Aorta prominent.",
    "No effusion, prominent aorta. Clear lungs.",
    "Clear lungs, no effusion, calcified granuloma.",
    "Clear lungs, no effusion, old granuloma.",
    "Clear lungs, no effusion, healed fracture.",
    "Clear lungs, no effusion, old fracture.",
    "No effusion, chronic scarring. Lungs clear.",
    "No effusion, low lung volumes.",
    "Lungs are clear, bibasilar atelectasis.",
    "Lungs are clear with mild hyperinflation.",
    "Lungs are clear with hyperinflation.",
    "No effusion. Hyperinflation. Clear lungs.",
    "Flat diaphragms, lungs clear.",
    "Lungs are clear. Sternal wires intact.",
    "Wires are intact. Lungs are clear.",
    "Sternotomy XXXX intact. Lungs clear.",
    "XXXX sternotomy. Lungs are clear.",
    "Lungs clear. Port.",
    "Lungs clear. Heart size normal. XXXX in place.",
    "Hiatal hernia. Lungs clear.",
    "Lungs are clear. Gallstones.",
    "No acute abnormality. Surgical changes.",
    "Left basilar XXXX, lungs otherwise clear.",
    "No change in the opacity.",
    "The opacity is unchanged. Heart normal.",
    "Lungs are clear. Stable mild cardiomegaly. No change.",
    "No acute abnormality, stable granulomatous disease.",
    "Previous granulomatous disease. Lungs clear.",
    "Prior granulomatous disease without acute abnormality.",
    "Lungs are clear. Prior granuloma.",
    "Old granulomatous disease, no acute disease.",
    "Postoperative changes. Lungs are clear.",
    "Chest with old granulomas. Lungs clear.",
    "Lungs are clear without change in the granuloma.",
    "Lungs are clear. Aortic calcification.",
    "Lungs are clear. Atherosclerotic aorta.",
    "Heart normal. Lungs show granuloma.",
    "Lungs are clear. No acute fracture; deformity of clavicle.",
    "Lungs are clear. Blunted left costophrenic sulcus.",
    "Heart normal, lungs clear but the diaphragm is elevated.",
    "No significant change in cardiomegaly. Lungs clear.",
    "Lungs clear. Exam limited by obesity; effusion not excluded.",
    "No acute bony abnormality. Heart is large.",
    "No other abnormality is seen.",
    "No other abnormality. Heart enlarged.",
    "Apart from a granuloma no abnormality.",
    "Normal except for scoliosis.",
    "Lungs are clear apart from bibasal atelectasis.",
    "No acute abnormality other than cardiomegaly.",
    "No abnormality besides the fracture.",
    "Lungs are clear though hyperinflated.",
    "Lungs clear aside from granuloma.",
    "Normal heart and lungs aside from scoliosis.",
    "Otherwise normal chest.",
    "Otherwise unremarkable.",
    "Lungs are clear of acute disease with emphysema.",
    "Lungs clear. No acute change in granuloma.",
    "No acute findings. Chronic lung disease.",
    "Lungs are near normal.",
    "Almost normal chest.",
    "Heart nearly normal. Lungs clear.",
    "Lungs clear. Heart size difficult to assess.",
    "Abnormal chest.",
    "Lungs are clear. Abnormal heart.",
    "Lungs are clear. Abnormal XXXX.",
    "Heart not clearly normal. Lungs clear.",
    "Not clear lungs.",
    "No longer clear lungs.",
    "Lungs no longer clear.",
    "The lungs are less clear. Heart normal.",
    "Lungs without normal markings.",
    "Lungs clear. Mediastinum wide.",
    "Lungs clear. Wide mediastinum.",
    "Lungs clear. Pleural fluid.",
    "Lungs clear. Pleural fluid is seen.",
    "Lungs clear. Small effusion.",
    "Lungs clear. Pneumothorax.",
    "Lungs clear. Cardiac enlargement.",
    "Lungs clear. Acute fracture.",
    "Lungs clear. Acute.",
    "Lungs clear. Nodes are seen.",
    "Lungs clear. Spondylosis.",
    "Lungs clear. Arthritis of shoulder.",
    "Lungs clear. Vertebral body height loss.",
    "Lungs clear. Deviation of trachea.",
    "Lungs clear. Hardware in the spine.",
    "Lungs clear. Mildly enlarged heart.",
    "Lungs clear. Left shoulder implant.",
    "Lungs clear. Dextrocardia.",
    "Right aortic arch. Lungs clear.",
    "Lungs clear. Azygos lobe.",
    "Lungs clear. Cervical rib.",
    "Bifid rib. Lungs clear.",
    "Lungs clear. Pectus.",
    "Lungs clear. Air under the diaphragm.",
    "Free air. Lungs clear.",
    "Lungs clear. Breast shadows absent.",
    "Lungs clear. Left mastectomy.",
    "Lungs clear. Lines.",
    "Chest tube. Lungs clear.",
    "Lungs clear. Chest tube.",
    "Lungs clear. NG tube.",
    "Lungs clear. Lines and tubes in place.",
    "Lungs clear. Lines and tubes unchanged.",
    "Lungs clear. Tubes and lines stable.",
    "The lungs are clear in the upper zones. Effusion.",
    "Heart normal in size with clear lungs and pacemaker.",
    "Lungs have normal volume. Mass.",
    "Heart, lungs normal for age with scoliosis.",
    "Normal chest for a smoker with COPD.",
    "Clear lungs. Prior CABG.",
    "Lungs are clear. Prior sternotomy.",
    "Lungs are clear. Left shoulder degenerative.",
    "Lungs clear; aorta unfolded.",
    "Lungs clear. Enlarged heart.",
    "Large heart. Lungs clear.",
    "Lungs clear. Large heart.",
    "Heart large. Lungs clear.",
    "Large hiatal hernia. Clear lungs.",
    "Lungs clear. Calcified lymph node.",
    "Lungs clear. Small nodes.",
    "Lungs clear. Prominent vessels.",
    "Widened mediastinum. Lungs clear.",
    "Lungs clear. Mediastinal widening.",
    "Lungs clear. Hilar fullness.",
    "Left lung volume loss. Lungs clear.",
    "Right sided aorta. Lungs clear.",
    "Lungs clear. Fracture of right rib.",
    "Lungs clear. Rib fracture seen.",
    "Rib fracture. Lungs clear.",
    "Displaced rib fracture. Lungs clear.",
    "Acute infiltrate. Heart normal.",
    "Infiltrate seen, heart normal.",
    "Focal infiltrate in lungs. Heart normal.",
    "Heart normal. Infiltrate in clear lungs.",
    "Lungs are clear and infiltrate resolved partially.",
    "Lungs clear. Infiltrate has not cleared.",
    "Opacity partially cleared. Lungs clear.",
    "Lungs are clear. Interval decrease in effusion.",
    "Lungs clear. Effusion resolving.",
    "Clear lungs. Sclerotic aorta.",
    "Clear lungs. Aorta normal but calcified.",
    "Heart normal. Lungs clear. Bones demineralized.",
    "Lungs are clear. Decreased bone density.",
    "Clear lungs. Old TB.",
    "Clear lungs. Apical caps.",
    "Clear lungs. Contour of the diaphragm irregular.",
    "Clear lungs. Eventration.",
    "Clear lungs with elevation of diaphragm.",
    "Clear lungs and tortuous aorta.",
    "Clear lungs. Shallow inspiration with crowding.",
    "Lungs are clear. Low inspiration.",
    "Lungs are clear. Heart size exaggerated by technique.",
    "Lungs are clear. Body habitus.",
    "Lungs are clear but underinflated.",
    "No acute bony abnormality.",
    "No effusion. Sharp angles.",
    "Heart size normal. Trachea midline. Bones intact.",
]


@pytest.mark.parametrize("text", DENIED)
def test_denied(text: str, english: Lexicon) -> None:
    assert label(text, english) == expected("", "")


@pytest.mark.parametrize(("text", "present"), PRESENT)
def test_present(text: str, present: str, english: Lexicon) -> None:
    assert label(text, english) == expected(present, "")


@pytest.mark.parametrize(("text", "in_doubt"), IN_DOUBT)
def test_in_doubt(text: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected("", in_doubt)


@pytest.mark.parametrize(("text", "present", "in_doubt"), SECTIONS)
def test_sections(text: str, present: str, in_doubt: str, english: Lexicon) -> None:
    assert label(text, english) == expected(present, in_doubt)


@pytest.mark.parametrize("text", NORM + SHORT_NORM)
def test_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] == 1


@pytest.mark.parametrize("text", NO_NORM + SHORT_NO_NORM)
def test_no_composed_norm(text: str, english: Lexicon) -> None:
    assert label(text, english, norm="composed")["norm"] != 1
